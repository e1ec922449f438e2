// What a snapshot needs of a block device: nothing is in flight when it is saved.
#pragma once

#include <cstdint>
#include <optional>

#include "virtio/queue_state.h"

namespace boxlite::virtio {

struct BlockState {
  std::optional<QueueState> queue;
};

}  // namespace boxlite::virtio
