// MmioTransport: one page of registers with a device behind it (virtio 1.2, section 4.2, version
// 2). The driver finds out what is there, agrees on features, says where its queues are, and then
// says DRIVER_OK: at that moment the device gets its queues, and what the driver writes into their
// registers afterwards changes nothing. Writing zero to Status takes it all back.
//
// Thread rule: any thread; the registers are guarded by one lock, which is taken before a device's
// (device.h) and is not held while a device is kicked.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <utility>

#include "base/result.h"
#include "kvm/bus.h"
#include "kvm/guest_memory.h"
#include "virtio/device.h"
#include "virtio/features.h"
#include "virtio/interrupt.h"
#include "virtio/mmio_state.h"

namespace boxlite::virtio {

class MmioTransport : public kvm::BusDevice {
 public:
  // What Linux takes for a notification: a write of a queue's number, 4 bytes, at this offset. For
  // ioeventfd.
  static constexpr uint64_t kNotifyOffset = 0x050;

  // All three outlive the transport; `interrupt` is the one that `device` has.
  MmioTransport(kvm::GuestMemory& memory, Device& device, Interrupt& interrupt);
  // Resets the device.
  ~MmioTransport() override;
  MmioTransport(const MmioTransport&) = delete;
  MmioTransport& operator=(const MmioTransport&) = delete;

  // Before the guest runs: where a kick goes that came as a write of QueueNotify and not by an
  // ioeventfd. By default to the device, on the vCPU's thread.
  void NotifyBy(std::function<void(size_t)> notify) { notify_ = std::move(notify); }

  // Accesses that are misaligned or not of a register's width read zero and write nothing.
  void Read(uint64_t offset, std::span<uint8_t> data) override;
  void Write(uint64_t offset, ByteSpan data) override;

  // While no vCPU runs. The device's state is saved and restored by itself; a transport is restored
  // once, before it is used. kInvalidArgument where the state is none of this device's.
  MmioState Save() const;
  Result<void> Restore(const MmioState& state);

 private:
  uint32_t ReadRegister(uint64_t offset) const;
  uint32_t ReadQueueRegister(uint64_t offset) const;
  void WriteRegister(uint64_t offset, uint32_t value);
  void WriteQueueRegister(uint64_t offset, uint32_t value);
  void WriteDriverFeatures(uint32_t value);
  void WriteStatus(uint32_t value);
  void Activate();
  void ResetAll();
  uint64_t offered() const { return device_.features() | kTransportFeatures; }

  kvm::GuestMemory& memory_;
  Device& device_;
  Interrupt& interrupt_;
  const size_t queue_count_;
  std::function<void(size_t)> notify_;
  mutable std::mutex mutex_;
  MmioState registers_;  // guarded by mutex_; the interrupt's part of it stays empty
};

}  // namespace boxlite::virtio
