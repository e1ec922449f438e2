// Feature bits that are not one device's own (virtio 1.2, section 6).
#pragma once

#include <cstdint>

namespace boxlite::virtio {

constexpr uint64_t Feature(unsigned bit) {
  return uint64_t{1} << bit;
}

constexpr uint64_t kRingIndirectDescriptors = Feature(28);
constexpr uint64_t kRingEventIndex = Feature(29);
constexpr uint64_t kVersion1 = Feature(32);

// What the transport offers whichever device is behind it.
constexpr uint64_t kTransportFeatures = kRingIndirectDescriptors | kRingEventIndex | kVersion1;

}  // namespace boxlite::virtio
