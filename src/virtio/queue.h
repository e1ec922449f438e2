// Queue: the device's side of a split virtqueue (virtio 1.2, section 2.7). The driver lays out
// descriptors, puts the first of each chain into the available ring and kicks; the device takes
// chains with Pop, and gives each back through the used ring with Push.
//
// The driver is an attacker: every index, address and length is read once, copied and checked, a
// walk ends after a bounded number of descriptors, and no more chains are out than the ring has
// entries. An error from Pop means that the driver broke the protocol; the queue is not to be used
// any more then.
//
// Thread rule: none of its own; guarded by the device that has it.
#pragma once

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "kvm/guest_memory.h"
#include "virtio/chain.h"
#include "virtio/queue_state.h"

namespace boxlite::virtio {

class Queue {
 public:
  // Drivers may make an indirect table longer than the ring, as Linux does; no longer than this.
  static constexpr uint32_t kMaxChainLength = 1024;
  // What one chain may ask to be moved.
  static constexpr uint64_t kMaxChainBytes = 64 * 1024 * 1024;

  // `features` are the negotiated ones; `memory` outlives the queue. kInvalidArgument where the
  // size is no power of two or more than `max_size`, or an area is not aligned or not in memory.
  static Result<Queue> Create(kvm::GuestMemory& memory, const QueueConfig& config,
                              uint16_t max_size, uint64_t features);
  // The queue as it was, over the same memory. The state may come from a stranger's file.
  static Result<Queue> Restore(kvm::GuestMemory& memory, const QueueState& state,
                               uint16_t max_size);
  Queue(Queue&&) = default;
  Queue& operator=(Queue&&) = default;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  ~Queue() = default;

  uint16_t size() const { return config_.size; }
  // How many were taken so far, modulo 2^16.
  uint16_t taken() const { return next_available_; }
  // Chains that were taken and not given back.
  uint16_t in_flight() const { return in_flight_; }

  // The next chain, or nothing where none is available.
  Result<std::optional<Chain>> Pop();

  // Gives a chain back; `written` is how many bytes of its writable part were filled, from the
  // first on. Each chain once, in any order.
  void Push(uint16_t head, uint32_t written);

  // Asks the driver to kick for the next chain. True where chains came before it could know: take
  // those, nobody will kick for them.
  [[nodiscard]] bool EnableKicks();
  // Tells the driver that kicks are not needed; some may come nevertheless.
  void DisableKicks();

  // Whether the driver wants an interrupt for what was pushed since this was asked last.
  [[nodiscard]] bool NeedsInterrupt();

  // The state as if the last `unfinished` chains, which are all that is in flight, had not been
  // taken: a queue restored from it gives them again.
  QueueState Save(uint16_t unfinished) const;

 private:
  struct Descriptor;
  Queue(kvm::GuestMemory& memory, const QueueConfig& config, uint64_t features)
      : memory_(&memory), config_(config), features_(features) {}
  Result<Chain> Walk(uint16_t head) const;
  Result<void> WalkIndirect(const Descriptor& from, Chain& chain) const;
  const char* Append(const Descriptor& descriptor, Chain& chain) const;
  uint16_t AvailableIndex() const;
  bool Has(uint64_t feature) const { return (features_ & feature) != 0; }

  kvm::GuestMemory* memory_;  // outlives the queue
  QueueConfig config_;
  uint64_t features_;
  uint16_t next_available_ = 0;
  uint16_t next_used_ = 0;
  uint16_t signalled_used_ = 0;
  uint16_t in_flight_ = 0;
};

}  // namespace boxlite::virtio
