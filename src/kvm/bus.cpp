#include "kvm/bus.h"

#include <algorithm>
#include <iterator>

namespace boxlite::kvm {

Result<void> Bus::Add(uint64_t address, uint64_t size, BusDevice& device) {
  uint64_t end = 0;
  bool wraps = __builtin_add_overflow(address, size, &end);
  auto next = entries_.lower_bound(address);
  bool overlaps = next != entries_.end() && next->first < end;
  if (next != entries_.begin()) {
    auto before = std::prev(next);
    overlaps = overlaps || before->first + before->second.size > address;
  }
  if (size == 0 || wraps || overlaps)
    return Error(Code::kInternal,
                 "a device at address " + std::to_string(address) + " has no place on its bus");
  entries_[address] = {size, &device};
  return {};
}

Bus::Place Bus::Find(uint64_t address, size_t length) const {
  auto after = entries_.upper_bound(address);
  if (after == entries_.begin()) return {};
  const auto& [start, entry] = *std::prev(after);
  uint64_t offset = address - start;
  if (offset >= entry.size || length > entry.size - offset) return {};
  return {entry.device, offset};
}

void Bus::Read(uint64_t address, std::span<uint8_t> data) {
  Place place = Find(address, data.size());
  std::fill(data.begin(), data.end(), uint8_t{place.device ? uint8_t{0} : uint8_t{0xff}});
  if (place.device) place.device->Read(place.offset, data);
}

void Bus::Write(uint64_t address, ByteSpan data) {
  Place place = Find(address, data.size());
  if (place.device) place.device->Write(place.offset, data);
}

}  // namespace boxlite::kvm
