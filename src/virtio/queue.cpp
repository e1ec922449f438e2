#include "virtio/queue.h"

#include <array>
#include <atomic>
#include <bit>
#include <span>
#include <string>
#include <type_traits>

#include "base/check.h"
#include "virtio/features.h"

namespace boxlite::virtio {
namespace {

// A descriptor: address, length, flags, next.
constexpr uint64_t kDescriptorSize = 16;
static_assert(std::endian::native == std::endian::little);
constexpr uint16_t kFlagNext = 1;
constexpr uint16_t kFlagWrite = 2;
constexpr uint16_t kFlagIndirect = 4;

// Both rings: flags, index, entries, and the other side's event index.
constexpr uint64_t kRingIndex = 2;
constexpr uint64_t kRingEntries = 4;
constexpr uint64_t kAvailableEntry = 2;
constexpr uint64_t kUsedEntry = 8;
constexpr uint16_t kNoKicks = 1;       // in the used ring
constexpr uint16_t kNoInterrupts = 1;  // in the available ring

template <typename T>
std::span<uint8_t> BytesOf(T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<uint8_t*>(&value), sizeof value};
}

Error Broken(std::string what) {
  return Error(Code::kInvalidArgument, "the driver " + std::move(what));
}

// What was stored before is seen by the other side before what is loaded next: each side stores its
// index and then looks whether the other wants to know, and one of both must see the other's store.
void FullFence() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

uint64_t AvailableEvent(const QueueConfig& config) {
  return config.device + kRingEntries + kUsedEntry * config.size;
}
uint64_t UsedEvent(const QueueConfig& config) {
  return config.driver + kRingEntries + kAvailableEntry * config.size;
}

Result<void> Validate(const kvm::GuestMemory& memory, const QueueConfig& config,
                      uint16_t max_size) {
  uint32_t size = config.size;
  if (size == 0 || (size & (size - 1)) != 0 || size > max_size)
    return Broken("sets up a queue of size " + std::to_string(size));
  bool aligned = config.descriptors % 16 == 0 && config.driver % 2 == 0 && config.device % 4 == 0;
  if (!aligned) return Broken("sets up a queue at misaligned addresses");
  bool inside = memory.Contains(config.descriptors, kDescriptorSize * size) &&
                memory.Contains(config.driver, UsedEvent(config) + 2 - config.driver) &&
                memory.Contains(config.device, AvailableEvent(config) + 2 - config.device);
  if (!inside) return Broken("sets up a queue outside of memory");
  return {};
}

}  // namespace

// As it lies in memory: this machine and the rings have the same order of bytes.
struct Queue::Descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};

Result<Queue> Queue::Create(kvm::GuestMemory& memory, const QueueConfig& config, uint16_t max_size,
                            uint64_t features) {
  BOXLITE_TRY(Validate(memory, config, max_size));
  return Queue(memory, config, features);
}

Result<Queue> Queue::Restore(kvm::GuestMemory& memory, const QueueState& state, uint16_t max_size) {
  Queue queue = BOXLITE_TRY(Create(memory, state.config, max_size, state.features));
  queue.next_available_ = state.next_available;
  queue.next_used_ = state.next_used;
  queue.signalled_used_ = state.signalled_used;
  return queue;
}

QueueState Queue::Save(uint16_t unfinished) const {
  BOXLITE_CHECK(unfinished == in_flight_);
  return {config_, features_, static_cast<uint16_t>(next_available_ - unfinished), next_used_,
          signalled_used_};
}

// The areas were found to be in memory and aligned, and memory does not move: these loads and
// stores cannot miss.
uint16_t Queue::AvailableIndex() const {
  return memory_->Load<uint16_t>(config_.driver + kRingIndex).value_or(next_available_);
}

Result<std::optional<Chain>> Queue::Pop() {
  auto ahead = static_cast<uint16_t>(AvailableIndex() - next_available_);
  if (ahead == 0) return std::optional<Chain>();
  if (ahead > config_.size) return Broken("moves a ring's index further than the ring is long");
  if (in_flight_ == config_.size) return Broken("makes more chains available than a ring has");
  uint64_t slot = next_available_ % config_.size;
  auto head =
      memory_->Load<uint16_t>(config_.driver + kRingEntries + kAvailableEntry * slot).value_or(0);
  Chain chain = BOXLITE_TRY(Walk(head));
  ++next_available_;
  ++in_flight_;
  return std::optional<Chain>(std::move(chain));
}

// What is wrong with the descriptor, or null. Not a Result: this runs for each page of a disk's
// request.
const char* Queue::Append(const Descriptor& descriptor, Chain& chain) const {
  bool writable = (descriptor.flags & kFlagWrite) != 0;
  // The specification does not forbid an empty buffer. It moves nothing, wherever it claims to be.
  if (descriptor.length == 0) return nullptr;
  if (!writable && chain.writable_bytes > 0) return "puts a readable buffer after a writable one";
  if (!memory_->Contains(descriptor.address, descriptor.length))
    return "names a buffer outside of memory";
  if (chain.readable_bytes + chain.writable_bytes + descriptor.length > kMaxChainBytes)
    return "makes a chain of too many bytes";
  chain.segments.push_back({descriptor.address, descriptor.length, writable});
  if (!writable) ++chain.readable_count;
  (writable ? chain.writable_bytes : chain.readable_bytes) += descriptor.length;
  return nullptr;
}

Result<Chain> Queue::Walk(uint16_t head) const {
  Chain chain;
  chain.head = head;
  uint32_t index = head;
  for (uint32_t steps = 0; steps < config_.size; ++steps) {
    if (index >= config_.size) return Broken("names a descriptor past the end of its table");
    Descriptor descriptor{};
    // The table was found to be in memory.
    static_cast<void>(
        memory_->Read(config_.descriptors + kDescriptorSize * index, BytesOf(descriptor)));
    if ((descriptor.flags & kFlagIndirect) != 0) {
      BOXLITE_TRY(WalkIndirect(descriptor, chain));
      return chain;
    }
    if (const char* wrong = Append(descriptor, chain)) return Broken(wrong);
    if ((descriptor.flags & kFlagNext) == 0) return chain;
    index = descriptor.next;
  }
  return Broken("makes a chain that goes in circles");
}

// An indirect descriptor may follow plain ones and is the last of its table; whether it says
// "writable" does not matter (sections 2.7.5.3.1 and 2.7.5.3.2). Its table is copied whole, since
// it is most of what a disk's request costs beside its data.
Result<void> Queue::WalkIndirect(const Descriptor& from, Chain& chain) const {
  if (!Has(kRingIndirectDescriptors)) return Broken("uses indirect descriptors without asking");
  if ((from.flags & kFlagNext) != 0) return Broken("continues after an indirect descriptor");
  uint32_t count = from.length / kDescriptorSize;
  if (count == 0 || count > kMaxChainLength || from.length % kDescriptorSize != 0)
    return Broken("makes an indirect table of " + std::to_string(from.length) + " bytes");
  std::array<Descriptor, kMaxChainLength> table;  // NOLINT: only what is read is looked at
  if (!memory_->Read(from.address, BytesOf(table).first(from.length)))
    return Broken("puts an indirect table outside of memory");
  chain.segments.reserve(chain.segments.size() + count);
  uint32_t index = 0;
  for (uint32_t steps = 0; steps < count; ++steps) {
    if (index >= count) return Broken("names a descriptor past the end of its table");
    const Descriptor& descriptor = table[index];
    if ((descriptor.flags & kFlagIndirect) != 0) return Broken("nests indirect descriptors");
    if (const char* wrong = Append(descriptor, chain)) return Broken(wrong);
    if ((descriptor.flags & kFlagNext) == 0) return {};
    index = descriptor.next;
  }
  return Broken("makes a chain that goes in circles");
}

void Queue::Push(uint16_t head, uint32_t written) {
  BOXLITE_CHECK(in_flight_ > 0);
  --in_flight_;
  uint64_t entry = config_.device + kRingEntries + kUsedEntry * (next_used_ % config_.size);
  static_cast<void>(memory_->Store<uint32_t>(entry, head));
  static_cast<void>(memory_->Store<uint32_t>(entry + 4, written));
  ++next_used_;
  // A release: who sees the index sees the entry, and what was written into the buffers.
  static_cast<void>(memory_->Store<uint16_t>(config_.device + kRingIndex, next_used_));
}

bool Queue::EnableKicks() {
  if (Has(kRingEventIndex))
    static_cast<void>(memory_->Store<uint16_t>(AvailableEvent(config_), next_available_));
  else
    static_cast<void>(memory_->Store<uint16_t>(config_.device, 0));
  FullFence();
  return AvailableIndex() != next_available_;
}

void Queue::DisableKicks() {
  // With an event index there is nothing to do: the one that was asked for is in the past soon.
  if (!Has(kRingEventIndex)) static_cast<void>(memory_->Store<uint16_t>(config_.device, kNoKicks));
}

bool Queue::NeedsInterrupt() {
  uint16_t before = signalled_used_;
  signalled_used_ = next_used_;
  if (before == next_used_) return false;
  FullFence();
  if (!Has(kRingEventIndex)) {
    auto flags = memory_->Load<uint16_t>(config_.driver).value_or(0);
    return (flags & kNoInterrupts) == 0;
  }
  // Whether the index that the driver waits for is among [before, next_used_), in 16-bit
  // arithmetic.
  auto event = memory_->Load<uint16_t>(UsedEvent(config_)).value_or(before);
  return static_cast<uint16_t>(next_used_ - event - 1) < static_cast<uint16_t>(next_used_ - before);
}

}  // namespace boxlite::virtio
