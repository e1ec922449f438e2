// Interrupt: how a device reaches its driver. It holds what the registers InterruptStatus,
// ConfigGeneration and the bit DEVICE_NEEDS_RESET of Status say (virtio 1.2, sections 4.2.2 and
// 2.1.2), so that a device needs nothing of its transport.
//
// Thread rule: any thread, with a device's lock held or not; it calls nobody but the line and who
// is told of failures, neither of which blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>

#include "base/result.h"
#include "kvm/interrupt_line.h"

namespace boxlite::virtio {

class Interrupt {
 public:
  static constexpr uint32_t kUsedBuffer = 1;
  static constexpr uint32_t kConfigChange = 2;
  // A driver can reset its device and break it again without end; who is told must not drown in it.
  static constexpr uint32_t kMaxTold = 8;

  // `number` counts from 1 to kMaxTold; after that nobody is told any more.
  using Told = std::function<void(const Error& reason, uint32_t number)>;

  // `line` outlives the object.
  explicit Interrupt(kvm::InterruptLine& line) : line_(line) {}
  ~Interrupt() = default;
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Before the guest runs: who is told why the device failed, on the thread where it did. It is
  // called with locks held and must not block.
  void TellFailures(Told told) { told_ = std::move(told); }

  // For devices. Fail: the driver broke the protocol, or the device cannot go on; it does nothing
  // more until it is reset. Until then the first reason is the one that is told.
  void SignalUsedBuffer() { Signal(kUsedBuffer); }
  void SignalConfigChange();
  void Fail(const Error& reason);

  // For the transport.
  uint32_t status() const { return status_.load(); }
  uint32_t generation() const { return generation_.load(); }
  bool failed() const { return failed_.load(); }
  void Acknowledge(uint32_t bits) { status_.fetch_and(~bits); }
  void Clear();  // by a reset
  // An interrupt that was pending is raised again.
  void Restore(uint32_t status, uint32_t generation, bool failed);

 private:
  void Signal(uint32_t bit);
  void Tell(const Error& reason);

  kvm::InterruptLine& line_;  // outlives this object
  std::atomic<uint32_t> status_ = 0;
  std::atomic<uint32_t> generation_ = 0;
  std::atomic<bool> failed_ = false;
  std::mutex mutex_;
  Told told_;                // called with mutex_ held
  uint32_t times_told_ = 0;  // guarded by mutex_
};

}  // namespace boxlite::virtio
