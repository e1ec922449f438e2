// RawMachine: the kvm engine's parts with a raw guest in them. It has 3 GiB of memory and a bit, so
// that there is a gap with memory on both sides of it; what nobody touches costs nothing. Places
// that no device has any business with are filled with a pattern, and can be looked at afterwards.
//
// Thread rule: the test's thread, but for what the guest reaches.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "hostile/eventually.h"
#include "hostile/raw_guest.h"
#include "kvm/bus.h"
#include "kvm/guest_memory.h"
#include "kvm/io_apic_x86_64.h"
#include "kvm/run_gate.h"
#include "kvm/vcpu.h"
#include "kvm/vm.h"

namespace boxlite::hostile_test {

constexpr uint64_t kMib = 1024 * 1024;
constexpr uint64_t kHighMemory = 4 * kMib;  // above the gap
constexpr uint64_t kMemoryEnd = 0x1'0000'0000 + kHighMemory;

class RawMachine {
 public:
  // Of one processor, or two.
  static Result<std::unique_ptr<RawMachine>> Create(uint32_t cpus = 1);
  // The guest leaves.
  ~RawMachine();
  RawMachine(const RawMachine&) = delete;
  RawMachine& operator=(const RawMachine&) = delete;

  // Devices are added to these before Start.
  kvm::Vm& vm() { return *vm_; }
  kvm::GuestMemory& memory() { return *memory_; }
  kvm::Bus& ports() { return ports_; }
  kvm::Bus& registers() { return registers_; }
  kvm::IoApic& interrupts() { return *interrupts_; }

  // The guest runs and waits at its turnstile.
  Result<void> Start();

  // Does the steps and says what came of them; nothing, and a failure of the test, where the guest
  // does not come back.
  Script Run(const Script& script, uint32_t cpu = 0);
  // The same in two: in between the guest is at it.
  void Begin(const Script& script, uint32_t cpu = 0);
  Script Finish(uint32_t cpu = 0);
  // Whether it came back, after this long at most.
  bool IsBack(std::chrono::milliseconds limit, uint32_t cpu = 0);

  // Whether the processor came back; that it has ended instead is no failure.
  bool FinishOrEnd(uint32_t cpu);

  // Has the guest leave, from whatever it does. Whether its threads ended.
  bool Leave();
  // How the first vCPU ended; nothing, and a failure of the test, where it goes on.
  std::optional<kvm::VcpuEnd> WaitForEnd();

  // The first address, `from` or above it, at which the pattern is not what it was.
  std::optional<uint64_t> Trespass(uint64_t from = 0) const;

 private:
  struct Cpu {
    Turnstile turnstile;
    size_t steps = 0;
    std::optional<kvm::VcpuEnd> end;  // guarded by mutex_
    std::unique_ptr<kvm::Vcpu> vcpu;
  };

  explicit RawMachine(uint32_t cpus) : gate_(cpus, [] {}), cpus_(cpus) {}
  Result<void> Build();
  Result<void> AddCpu(uint32_t index);
  Result<void> StartCpu(uint32_t index);

  std::optional<kvm::Host> host_;
  std::unique_ptr<kvm::GuestMemory> memory_;
  std::unique_ptr<kvm::Vm> vm_;
  kvm::Bus ports_, registers_;
  std::optional<kvm::IoApic> interrupts_;
  kvm::RunGate gate_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::vector<Cpu> cpus_;  // go first
};

}  // namespace boxlite::hostile_test
