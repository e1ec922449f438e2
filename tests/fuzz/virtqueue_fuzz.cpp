// room: virtio
// A virtqueue in memory that a guest filled as it liked. The input: a byte of features, then what
// lies from guest address 0 on, where the descriptors are, the available ring at 0x100 and the used
// ring at 0x200. What a chain says must hold whatever was in there.
#include <algorithm>
#include <cstdlib>

#include "virtio/features.h"
#include "virtio/queue.h"

namespace {

using boxlite::Bytes;
using boxlite::ByteSpan;
using boxlite::kvm::GuestMemory;
using boxlite::virtio::Chain;
using boxlite::virtio::Queue;
using boxlite::virtio::Segment;

constexpr uint64_t kMemorySize = 2 * 1024 * 1024;
constexpr size_t kImage = 8192;
constexpr uint16_t kQueueSize = 16;

void Require(bool holds) {
  if (!holds) std::abort();
}

void Check(const GuestMemory& memory, const Chain& chain) {
  Require(chain.segments.size() <= Queue::kMaxChainLength + kQueueSize);
  Require(chain.readable_bytes + chain.writable_bytes <= Queue::kMaxChainBytes);
  uint64_t readable = 0;
  for (const Segment& segment : chain.segments) {
    Require(segment.length > 0 && memory.Contains(segment.address, segment.length));
    Require(segment.address + segment.length <= kMemorySize);
    if (!segment.writable) readable += segment.length;
  }
  Require(readable == chain.readable_bytes);
  auto writable = [](const Segment& segment) { return segment.writable; };
  Require(std::is_partitioned(chain.segments.rbegin(), chain.segments.rend(), writable));
  Require(std::all_of(chain.writable().begin(), chain.writable().end(), writable));
}

// Takes and gives back until nothing is there or the driver is found out.
void Drain(GuestMemory& memory, Queue& queue) {
  for (int i = 0; i < 64; ++i) {
    auto popped = queue.Pop();
    if (!popped.ok()) return;
    if (!popped.value()) {
      if (!queue.EnableKicks()) return;
      continue;
    }
    const Chain& chain = *popped.value();
    Check(memory, chain);
    Bytes bytes(std::min<uint64_t>(chain.readable_bytes, 256));
    Require(CopyFrom(memory, chain.readable(), 0, bytes) == bytes.size());
    Bytes answer(std::min<uint64_t>(chain.writable_bytes, 256), 0x5a);
    Require(CopyTo(memory, chain.writable(), answer) == answer.size());
    auto data = Slice(chain.segments, 16, 512);
    Require(data.size() <= chain.segments.size());
    queue.Push(chain.head, static_cast<uint32_t>(answer.size()));
    if (i % 2 == 0) queue.DisableKicks();
    static_cast<void>(queue.NeedsInterrupt());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<GuestMemory> kMemory = GuestMemory::Create(kMemorySize).TakeValue();
  if (size == 0) return 0;
  Bytes image(kImage);
  std::copy_n(data + 1, std::min(size - 1, kImage), image.begin());
  Require(kMemory->Write(0, image));
  uint64_t features = boxlite::virtio::kVersion1;
  if ((data[0] & 1u) != 0) features |= boxlite::virtio::kRingIndirectDescriptors;
  if ((data[0] & 2u) != 0) features |= boxlite::virtio::kRingEventIndex;
  auto queue = Queue::Create(*kMemory, {kQueueSize, 0, 0x100, 0x200}, kQueueSize, features);
  Require(queue.ok());
  Drain(*kMemory, queue.value());
  // The same ring, once more from where a snapshot says that it was.
  auto restored =
      Queue::Restore(*kMemory, queue.value().Save(queue.value().in_flight()), kQueueSize);
  Require(restored.ok());
  Drain(*kMemory, restored.value());
  return 0;
}
