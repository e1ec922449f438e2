// The raw guest: some hundred bytes of our own code in 64-bit mode and no Linux, which does to its
// machine exactly what it is told. It waits at a port, the Turnstile; let through, it does the
// steps of a script that lies in its memory, one after the other, and comes back. A step is one
// access to memory, a device's register or a port, many of them, or one instruction that a guest
// has no business with. A step that faults says so and is passed over.
//
// Thread rule: RawGuest's are constants; a Turnstile is for any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/result.h"
#include "kvm/bus.h"
#include "kvm/guest_memory.h"

namespace boxlite::hostile_test {

// In the order of the code.
enum class Op : uint32_t {
  kEnd,
  kRead8,
  kRead16,
  kRead32,
  kRead64,
  kWrite8,
  kWrite16,
  kWrite32,
  kWrite64,
  kIn8,
  kIn16,
  kIn32,
  kOut8,
  kOut16,
  kOut32,
  kOutMany,    // 8 bits, `result` times
  kWriteMany,  // 32 bits, the same
  kFlipMany,   // 64 bits are exclusive-ored, the same
  kReadModelRegister,
  kWriteModelRegister,
  kHalt,         // with interrupts off: for ever
  kTripleFault,  // and nothing after it
  kVmrun,
  kVmxon,
  kSpin,  // for ever
};

struct Step {
  Op op = Op::kEnd;
  uint32_t fault = 0;    // after it: the exception's number, or 0
  uint64_t address = 0;  // of memory, a port or a model-specific register
  uint64_t value = 0;    // to write
  uint64_t result = 0;   // before it: how many times; after it: what was read
};
using Script = std::vector<Step>;

constexpr uint32_t kInvalidOpcode = 6;
constexpr uint32_t kGeneralProtection = 13;

constexpr uint32_t kMaxRawCpus = 2;
constexpr uint16_t kTurnstilePort = 0x510;  // the first processor's; the second's is the next
// What is below it is the guest's own: code, stack, tables, script.
constexpr uint64_t kGuestEnd = 0x40000;

// Puts the code and its tables into memory: all of the first 5 GiB is mapped to itself, after
// kvm::SetBootRegisters has mapped the first.
Result<void> PutRawGuest(kvm::GuestMemory& memory);
// A processor's first instruction.
uint64_t EntryOf(uint32_t cpu);
Result<void> PutScript(kvm::GuestMemory& memory, const Script& script, uint32_t cpu);
// The script after it ran.
Script TakeScript(const kvm::GuestMemory& memory, size_t steps, uint32_t cpu);

// The guest reads it and waits there between scripts.
class Turnstile : public kvm::BusDevice {
 public:
  void Read(uint64_t, std::span<uint8_t> data) override;
  void Write(uint64_t, ByteSpan) override {}

  // One script may run.
  void LetThrough();
  // Whether the guest is back, after this long at most.
  bool WaitUntilBack(std::chrono::milliseconds limit);
  // Who waits goes on, and nobody waits from now on.
  void Open();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool waiting_ = false;  // these three are guarded by mutex_
  bool passes_ = false;
  bool open_ = false;
};

}  // namespace boxlite::hostile_test
