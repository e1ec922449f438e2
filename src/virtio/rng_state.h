// What a snapshot needs of an entropy device. What a copy of a machine must not share is what comes
// out of it, and that is the host's.
#pragma once

#include <optional>

#include "virtio/queue_state.h"

namespace boxlite::virtio {

struct RngState {
  std::optional<QueueState> queue;
};

}  // namespace boxlite::virtio
