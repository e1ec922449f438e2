// Bench: a raw machine of two processors with a console, an entropy device and a disk as the kvm
// engine has them: their registers on the bus, kicks by ioeventfd to a loop on a thread of its own,
// disk threads. And the driver of each, which lays out its rings from here and has every access to
// a register done by the guest.
//
// Thread rule: the test's thread.
#pragma once

#include <functional>
#include <future>
#include <string>
#include <thread>

#include "hostile/raw_machine.h"
#include "loop/loop.h"
#include "machine/virtio_slot.h"
#include "unit/virtio/driver.h"
#include "virtio/block.h"
#include "virtio/console.h"
#include "virtio/io_pool.h"
#include "virtio/rng.h"

namespace boxlite::hostile_test {

// A queue that is attacked.
struct Target {
  const char* name;
  machine::Slot slot;
  uint32_t queue;
  uint16_t size;  // at most
  bool writable;  // its buffers, by the device
};

constexpr size_t kControlInput = 2, kControlOutput = 3, kPortInput = 4, kPortOutput = 5;
constexpr Target kTargets[] = {
    {"ConsoleControlInput", machine::Slot::kConsole, kControlInput, 16, true},
    {"ConsoleControlOutput", machine::Slot::kConsole, kControlOutput, 16, false},
    {"ConsoleInput", machine::Slot::kConsole, kPortInput, 64, true},
    {"ConsoleOutput", machine::Slot::kConsole, kPortOutput, 64, false},
    {"Block", machine::Slot::kScratchDisk, 0, virtio::Block::kQueueSize, false},
    {"Rng", machine::Slot::kRng, 0, virtio::Rng::kQueueSize, true},
};
constexpr Target kDiskTarget = kTargets[4], kRngTarget = kTargets[5];

// Where the drivers lay out theirs; those of the second processor's so much further on.
constexpr uint64_t kRings = 2 * kMib, kRingSpace = 0x2000;
constexpr uint64_t kBuffers = 3 * kMib;  // one MiB
constexpr uint64_t kCpuSpace = 0x80000;
constexpr uint64_t kTables = 4 * kMib;  // indirect ones; one MiB

// Registers, virtio 1.2, section 4.2.2; and bits of Status.
constexpr uint64_t kQueueSelect = 0x30, kQueueReady = 0x44, kNotify = 0x50, kInterruptStatus = 0x60,
                   kStatus = 0x70, kConfig = 0x100;
constexpr uint32_t kAllOk = 15, kNeedsReset = 64;

// The program at the host's end of the console: hears all that the guest says.
class Agent : public virtio::PortListener {
 public:
  void OnReadable() override;
  void OnWritable() override;
  void Say(std::string_view text);

  virtio::Console* console = nullptr;
  std::string heard;  // the loop's thread, all of it

 private:
  std::string pending_;
};

// Every access is a step of the guest's.
class GuestRegisters : public kvm::BusDevice {
 public:
  GuestRegisters(RawMachine& machine, machine::Slot slot, uint32_t cpu);
  void Read(uint64_t offset, std::span<uint8_t> data) override;
  void Write(uint64_t offset, ByteSpan data) override;
  uint64_t base() const { return base_; }

 private:
  RawMachine& machine_;
  const uint64_t base_;
  const uint32_t cpu_;
};

class Bench {
 public:
  // With a small disk of its own, or that one.
  static Result<std::unique_ptr<Bench>> Create(UniqueFd disk = {});
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  RawMachine& machine() { return *machine_; }
  kvm::GuestMemory& memory() { return machine_->memory(); }
  int disk() const { return disk_.get(); }

  // Runs on the loop's thread. What was kicked before has been served when two of them are done.
  void OnLoop(const std::function<void()>& task);
  void Settle();
  // Returns when the disk's threads have done what was to be done until now.
  void SettleDisk();
  void Say(std::string_view text);
  std::string Heard();

 private:
  Bench() = default;
  Result<void> AddDevices();

  static constexpr size_t kDiskThreads = 2;
  UniqueFd disk_;  // the same file as the device's
  std::unique_ptr<RawMachine> machine_;
  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<loop::Mailbox<std::function<void()>>> tasks_;
  std::unique_ptr<virtio::IoPool> pool_;
  Agent agent_;
  std::vector<std::unique_ptr<machine::VirtioSlot>> slots_;
  std::thread thread_;
};

class Driver {
 public:
  // On one of the guest's processors, each of which has rings and buffers of its own.
  Driver(Bench& bench, const Target& target, uint32_t cpu = 0);

  virtio::DriverRegisters& registers() { return registers_; }
  GuestRegisters& guest() { return guest_; }
  uint64_t base() const { return guest_.base(); }
  virtio::DriverQueue& queue() { return queues_.at(target_.queue); }

  // New rings; up to FEATURES_OK, and their registers.
  void Introduce();
  // Introduce, DRIVER_OK, and what a driver says until the attacked queue is of use.
  void Start();
  void Kick(size_t queue) { registers_.Write(kNotify, static_cast<uint32_t>(queue)); }
  // Has the device look at the attacked queue.
  void Provoke();
  uint32_t Status() { return registers_.Read(kStatus); }
  // Whether the device says NEEDS_RESET, and by an interrupt.
  bool Fails();

  // A driver as it should be, from a reset on: whether the device does all that it is for.
  testing::AssertionResult Works();

 private:
  size_t QueueCount() const { return target_.slot == machine::Slot::kConsole ? 6 : 1; }
  void SendControl(uint32_t port, uint16_t event);
  void OpenPort();
  bool ConsoleWorks();
  bool BlockWorks();
  bool RngWorks();

  Bench& bench_;
  const Target target_;
  const uint64_t rings_, buffers_;
  GuestRegisters guest_;
  virtio::DriverRegisters registers_{guest_};
  std::vector<virtio::DriverQueue> queues_;
};

}  // namespace boxlite::hostile_test
