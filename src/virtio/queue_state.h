// What a snapshot needs of a virtqueue. The rings themselves are in the guest's memory.
#pragma once

#include <cstdint>

namespace boxlite::virtio {

// Where the driver put the three areas (virtio 1.2, section 2.7).
struct QueueConfig {
  uint16_t size = 0;         // entries
  uint64_t descriptors = 0;  // guest addresses
  uint64_t driver = 0;       // the available ring
  uint64_t device = 0;       // the used ring
};

struct QueueState {
  QueueConfig config;
  uint64_t features = 0;
  uint16_t next_available = 0;  // of the next chain to take
  uint16_t next_used = 0;
  uint16_t signalled_used = 0;  // next_used when an interrupt was last thought about
};

}  // namespace boxlite::virtio
