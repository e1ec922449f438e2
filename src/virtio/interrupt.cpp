#include "virtio/interrupt.h"

namespace boxlite::virtio {

// The line is raised also where the bit was set already: an edge that came while the guest had the
// line masked is lost, and one too many costs a look at the rings.
void Interrupt::Signal(uint32_t bit) {
  status_.fetch_or(bit);
  line_.Raise();
}

void Interrupt::SignalConfigChange() {
  generation_.fetch_add(1);
  Signal(kConfigChange);
}

void Interrupt::Fail(const Error& reason) {
  if (!failed_.exchange(true)) Tell(reason);
  Signal(kConfigChange);
}

void Interrupt::Tell(const Error& reason) {
  std::lock_guard lock(mutex_);
  if (told_ && times_told_ < kMaxTold) told_(reason, ++times_told_);
}

void Interrupt::Clear() {
  status_.store(0);
  failed_.store(false);
}

void Interrupt::Restore(uint32_t status, uint32_t generation, bool failed) {
  status_.store(status & (kUsedBuffer | kConfigChange));
  generation_.store(generation);
  failed_.store(failed);
  if (status_.load() != 0) line_.Raise();
}

}  // namespace boxlite::virtio
