// Whether the vCPUs may run. Each vCPU's thread asks before it enters the guest; whoever closes or
// holds the gate then kicks the threads out of the guest, so that they come and ask.
//
// Thread rule: any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace boxlite::kvm {

class RunGate {
 public:
  // Held at first. `parked` is called on the last vCPU's thread when all `threads` wait; not where
  // they all waited already when the gate was held (opened and held before one woke): whoever holds
  // it asks parked() as well.
  RunGate(uint32_t threads, std::function<void()> parked)
      : threads_(threads), parked_(std::move(parked)) {}

  // Waits while the gate is held. False: it is closed for good, leave.
  bool Enter();
  // Whether Enter would let a thread pass at once; for a thread that came out of the guest.
  bool open() const;
  // Whether all threads wait.
  bool parked() const;

  void Open();
  void Hold();
  void Close();

 private:
  enum class State : uint8_t { kHeld, kOpen, kClosed };

  const uint32_t threads_;
  const std::function<void()> parked_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_ = State::kHeld;  // guarded by mutex_
  uint32_t waiting_ = 0;        // the same
};

}  // namespace boxlite::kvm
