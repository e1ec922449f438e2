// Rng: a virtio entropy device (virtio 1.2, section 5.4) that gives the host kernel's random bytes.
// Thread rule: any thread; a kick is served on the thread that makes it.
#pragma once

#include <mutex>
#include <optional>

#include "virtio/device.h"
#include "virtio/interrupt.h"
#include "virtio/rng_state.h"

namespace boxlite::virtio {

class Rng : public Device {
 public:
  static constexpr uint16_t kQueueSize = 8;
  // A driver refills its ring as often as it likes while a kick is served; one that does so without
  // end has its device fail rather than hold the thread.
  static constexpr size_t kMaxChainsPerKick = 1024;
  // A longer buffer is filled so far; the driver comes again.
  static constexpr uint64_t kMaxBytes = 4096;

  // Both outlive the device.
  Rng(kvm::GuestMemory& memory, Interrupt& interrupt) : memory_(memory), interrupt_(interrupt) {}

  uint32_t id() const override { return 4; }
  uint64_t features() const override { return 0; }
  size_t queue_count() const override { return 1; }
  uint16_t queue_max_size(size_t index) const override;
  void ReadConfig(uint64_t offset, std::span<uint8_t> data) const override;
  void WriteConfig(uint64_t offset, ByteSpan data) override;
  void Activate(uint64_t features, Queues queues) override;
  void Kick(size_t index) override;
  void Reset() override;

  // While no vCPU runs. A device is restored once, in place of Activate.
  RngState Save() const;
  Result<void> Restore(const RngState& state);

 private:
  // Both with mutex_ held.
  Result<void> Serve(Queue& queue);
  Result<uint32_t> Fill(const Chain& chain);

  kvm::GuestMemory& memory_;
  Interrupt& interrupt_;
  mutable std::mutex mutex_;
  std::optional<Queue> queue_;  // guarded by mutex_
};

}  // namespace boxlite::virtio
