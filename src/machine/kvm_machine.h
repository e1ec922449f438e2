// The kvm engine: a machine of our own on /dev/kvm, in this process. See machine.h and docs/kvm.md.
//
// Create puts the kernel into memory; Start makes the machine and its threads, which wait at a
// gate; Run opens it. So the process can give up its privileges after the first and lock itself in
// after the second, before any of the guest's code runs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kvm/boot_x86_64.h"
#include "kvm/bus.h"
#include "kvm/guest_memory.h"
#include "kvm/io_apic_x86_64.h"
#include "kvm/reset_port.h"
#include "kvm/run_gate.h"
#include "kvm/serial_port.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"
#include "machine/agent_port.h"
#include "machine/answers.h"
#include "machine/machine.h"
#include "machine/serial_relay.h"
#include "machine/virtio_slot.h"
#include "virtio/io_pool.h"

namespace boxlite::machine {

class KvmMachine : public Machine {
 public:
  static Result<std::unique_ptr<Machine>> Create(MachineParts parts, kvm::Host host);
  ~KvmMachine() override;
  KvmMachine(const KvmMachine&) = delete;
  KvmMachine& operator=(const KvmMachine&) = delete;

  Result<void> Start(loop::Loop& loop, MachineEvents events) override;
  void Run() override;
  Result<std::unique_ptr<loop::ByteStream>> OpenAgentStream(loop::Loop& loop,
                                                            loop::StreamHandler& handler,
                                                            size_t pending_limit) override;
  void Pause(Completion done) override;
  void Resume(Completion done) override;
  void Save(UniqueFd into, Completion done) override;
  void Restore(UniqueFd from, Completion done) override;
  void Stop() override;
  const std::vector<std::string>& jail_layers() const override { return no_layers_; }

 private:
  // What comes to the loop from other threads.
  struct Message {
    enum class Kind : uint8_t { kParked, kResetAsked, kVcpuEnded, kReport };
    Kind kind = Kind::kParked;
    kvm::VcpuEnd end = {};    // kVcpuEnded
    std::string report = {};  // kReport
  };

  KvmMachine(MachineParts parts, kvm::Host host);
  Result<void> LoadGuest();
  Result<void> BuildMachine();
  Result<void> BuildProcessors();
  void CloseWhatBuiltIt();
  Result<void> AddInterrupts();
  Result<void> AddPorts();
  Result<void> AddConsoleAndRng();
  Result<void> AddDisks();
  Result<void> AddDisk(Slot slot, UniqueFd file, bool read_only);
  Result<void> AddSlot(Slot slot, const VirtioSlot::MakeDevice& make);
  void Report(Slot slot, const Error& reason, uint32_t number);
  Result<void> StartProcessors();
  void OnMessages(std::vector<Message> messages);
  void OnParked();
  void AnswerPauses(const Result<void>& how);
  void End(MachineEnd end);
  void LeaveGuest();
  void FinishWhenLeft();

  MachineParts parts_;
  MachineEvents events_;
  const std::vector<std::string> no_layers_;  // The process's own jail is told by its owner.

  std::optional<kvm::Host> host_;  // while the machine is built
  std::unique_ptr<kvm::GuestMemory> memory_;
  kvm::BootEntry entry_;
  std::unique_ptr<kvm::Vm> vm_;
  kvm::Bus ports_, registers_;
  std::optional<kvm::IoApic> interrupts_;
  SerialRelay serial_relay_;
  std::unique_ptr<kvm::SerialPort> serial_;
  kvm::ResetPort reset_;
  AgentPort agent_;
  std::unique_ptr<loop::Mailbox<Message>> mailbox_;  // goes after all who write to it
  std::unique_ptr<virtio::IoPool> pool_;
  std::vector<std::unique_ptr<VirtioSlot>> slots_;
  std::unique_ptr<Answers> answers_;
  std::unique_ptr<loop::Timer> deadline_;        // for Stop
  std::unique_ptr<loop::Timer> pause_deadline_;  // for the vCPUs to park
  std::unique_ptr<kvm::RunGate> gate_;
  std::vector<std::unique_ptr<kvm::Vcpu>> vcpus_;  // go first

  std::vector<Completion> pauses_;  // wait for all vCPUs
  bool running_ = false;            // Run was called
  bool paused_ = false;
  bool ended_ = false;  // on_ended was called
  size_t left_ = 0;     // vCPUs that have ended
  std::optional<MachineEnd> end_;
};

}  // namespace boxlite::machine
