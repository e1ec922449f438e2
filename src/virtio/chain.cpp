#include "virtio/chain.h"

#include <algorithm>

namespace boxlite::virtio {

std::vector<Segment> Slice(std::vector<Segment> segments, uint64_t skip, uint64_t length) {
  auto first = segments.begin();
  while (first != segments.end() && skip >= first->length) skip -= first++->length;
  segments.erase(segments.begin(), first);
  if (!segments.empty()) {
    segments.front().address += skip;
    segments.front().length -= skip;
  }
  uint64_t total = 0;
  for (const Segment& segment : segments) total += segment.length;
  while (!segments.empty() && total > length) {
    Segment& last = segments.back();
    uint64_t cut = std::min(total - length, last.length);
    last.length -= cut;
    total -= cut;
    if (last.length == 0) segments.pop_back();
  }
  return segments;
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
