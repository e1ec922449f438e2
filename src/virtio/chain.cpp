#include "virtio/chain.h"

#include <algorithm>

namespace boxlite::virtio {

std::vector<Segment> Slice(std::span<const Segment> segments, uint64_t skip, uint64_t length) {
  std::vector<Segment> slice;
  slice.reserve(segments.size());
  for (const Segment& segment : segments) {
    uint64_t skipped = std::min(skip, segment.length);
    uint64_t taken = std::min(length, segment.length - skipped);
    skip -= skipped;
    length -= taken;
    if (taken > 0) slice.push_back({segment.address + skipped, taken, segment.writable});
  }
  return slice;
}

size_t CopyFrom(const kvm::GuestMemory& memory, std::span<const Segment> segments, uint64_t skip,
                std::span<uint8_t> into) {
  size_t copied = 0;
  for (const Segment& segment : segments) {
    uint64_t skipped = std::min(skip, segment.length);
    skip -= skipped;
    size_t taken = std::min<uint64_t>(into.size() - copied, segment.length - skipped);
    if (taken == 0) continue;
    if (!memory.Read(segment.address + skipped, into.subspan(copied, taken))) break;
    copied += taken;
  }
  return copied;
}

size_t CopyTo(kvm::GuestMemory& memory, std::span<const Segment> segments, ByteSpan bytes) {
  size_t copied = 0;
  for (const Segment& segment : segments) {
    size_t taken = std::min<uint64_t>(bytes.size() - copied, segment.length);
    if (taken == 0) break;
    if (!memory.Write(segment.address, bytes.subspan(copied, taken))) break;
    copied += taken;
  }
  return copied;
}

}  // namespace boxlite::virtio
