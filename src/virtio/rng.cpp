#include "virtio/rng.h"

#include <algorithm>
#include <utility>

#include "base/sys.h"

namespace boxlite::virtio {

uint16_t Rng::queue_max_size(size_t index) const {
  return index == 0 ? kQueueSize : 0;
}

void Rng::ReadConfig(uint64_t, std::span<uint8_t>) const {}
void Rng::WriteConfig(uint64_t, ByteSpan) {}

void Rng::Activate(uint64_t, Queues queues) {
  std::lock_guard lock(mutex_);
  queue_ = std::move(queues.at(0));
}

void Rng::Reset() {
  std::lock_guard lock(mutex_);
  queue_.reset();
}

void Rng::Kick(size_t index) {
  std::lock_guard lock(mutex_);
  if (index != 0 || !queue_) return;
  Result<void> served = Serve(*queue_);
  if (!served.ok()) {
    queue_.reset();
    interrupt_.Fail(served.error());
    return;
  }
  if (queue_->NeedsInterrupt()) interrupt_.SignalUsedBuffer();
}

Result<void> Rng::Serve(Queue& queue) {
  queue.DisableKicks();
  for (size_t i = 0; i < kMaxChainsPerKick; ++i) {
    std::optional<Chain> chain = BOXLITE_TRY(queue.Pop());
    if (chain)
      queue.Push(chain->head, BOXLITE_TRY(Fill(*chain)));
    else if (!queue.EnableKicks())
      return {};
  }
  return Error(Code::kInvalidArgument, "the driver keeps its entropy device from ever resting");
}

Result<uint32_t> Rng::Fill(const Chain& chain) {
  uint32_t written = 0;
  for (const Segment& segment : Slice(chain.segments, chain.readable_bytes, kMaxBytes)) {
    auto range = memory_.Vector(segment.address, segment.length);
    if (!range) break;
    BOXLITE_TRY(sys::FillRandom(range->iov_base, range->iov_len));
    written += static_cast<uint32_t>(segment.length);
  }
  return written;
}

RngState Rng::Save() const {
  std::lock_guard lock(mutex_);
  RngState state;
  if (queue_) state.queue = queue_->Save(0);
  return state;
}

Result<void> Rng::Restore(const RngState& state) {
  if (!state.queue) return {};
  Queue queue = BOXLITE_TRY(Queue::Restore(memory_, *state.queue, kQueueSize));
  std::lock_guard lock(mutex_);
  queue_ = std::move(queue);
  return {};
}

}  // namespace boxlite::virtio
