// Interrupt: how a device reaches its driver. It holds what the registers InterruptStatus,
// ConfigGeneration and the bit DEVICE_NEEDS_RESET of Status say (virtio 1.2, sections 4.2.2 and
// 2.1.2), so that a device needs nothing of its transport.
//
// Thread rule: any thread, with a device's lock held or not; it calls nobody but the line, which
// never blocks.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "kvm/interrupt_line.h"

namespace boxlite::virtio {

class Interrupt {
 public:
  static constexpr uint32_t kUsedBuffer = 1;
  static constexpr uint32_t kConfigChange = 2;

  // `line` outlives the object.
  explicit Interrupt(kvm::InterruptLine& line) : line_(line) {}
  ~Interrupt() = default;
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // For devices. Fail: the driver broke the protocol, or the device cannot go on; it does nothing
  // more until it is reset. The first reason is kept.
  void SignalUsedBuffer() { Signal(kUsedBuffer); }
  void SignalConfigChange();
  void Fail(Error reason);

  // For the transport.
  uint32_t status() const { return status_.load(); }
  uint32_t generation() const { return generation_.load(); }
  bool failed() const { return failed_.load(); }
  void Acknowledge(uint32_t bits) { status_.fetch_and(~bits); }
  void Clear();  // by a reset
  // An interrupt that was pending is raised again.
  void Restore(uint32_t status, uint32_t generation, bool failed);

  // Why the device failed, for a log; nothing where it did not.
  std::optional<Error> failure() const;

 private:
  void Signal(uint32_t bit);

  kvm::InterruptLine& line_;  // outlives this object
  std::atomic<uint32_t> status_ = 0;
  std::atomic<uint32_t> generation_ = 0;
  std::atomic<bool> failed_ = false;
  mutable std::mutex mutex_;
  std::optional<Error> failure_;  // guarded by mutex_
};

}  // namespace boxlite::virtio
