// What a snapshot needs of a transport: its registers.
#pragma once

#include <cstdint>
#include <vector>

#include "virtio/queue_state.h"

namespace boxlite::virtio {

struct MmioState {
  struct QueueRegisters {
    uint32_t size = 0;  // as written, which may be nonsense
    uint64_t descriptors = 0;
    uint64_t driver = 0;
    uint64_t device = 0;
    bool ready = false;
  };

  uint32_t status = 0;
  uint32_t device_features_select = 0;
  uint32_t driver_features_select = 0;
  uint64_t driver_features = 0;
  uint32_t queue_select = 0;
  std::vector<QueueRegisters> queues;  // one for each queue of the device
  uint32_t interrupt_status = 0;
  uint32_t config_generation = 0;
  bool needs_reset = false;
};

}  // namespace boxlite::virtio
