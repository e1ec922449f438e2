// A chain of buffers that the driver made available: one request, as a flat list. Its addresses and
// lengths are copies, checked to lie in memory; what the buffers hold is the guest's and may change
// while it is looked at.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "kvm/guest_memory.h"

namespace boxlite::virtio {

struct Segment {
  uint64_t address = 0;
  uint64_t length = 0;
  bool writable = false;  // by the device
};

struct Chain {
  uint16_t head = 0;              // names the chain in Queue::Push
  std::vector<Segment> segments;  // the readable ones first; none is empty
  size_t readable_count = 0;
  uint64_t readable_bytes = 0;
  uint64_t writable_bytes = 0;

  std::span<const Segment> readable() const { return std::span(segments).first(readable_count); }
  std::span<const Segment> writable() const { return std::span(segments).subspan(readable_count); }
};

// Copies from the bytes that the segments hold, `skip` of them left out, as many as there are and
// fit. Returns how many.
size_t CopyFrom(const kvm::GuestMemory& memory, std::span<const Segment> segments, uint64_t skip,
                std::span<uint8_t> into);

// Copies to the beginning of the segments, as many bytes as fit. Returns how many.
size_t CopyTo(kvm::GuestMemory& memory, std::span<const Segment> segments, ByteSpan bytes);

// The segments without their first `skip` bytes and without what follows the next `length`.
std::vector<Segment> Slice(std::vector<Segment> segments, uint64_t skip, uint64_t length);

}  // namespace boxlite::virtio
