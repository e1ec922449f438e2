// What a snapshot needs of a console.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "virtio/queue_state.h"

namespace boxlite::virtio {

// To the guest, about port 1.
enum class ControlMessage : uint8_t { kPortAdd = 1, kPortName = 2, kPortOpen = 3 };

struct ConsoleControlState {
  std::vector<ControlMessage> waiting;  // at most ConsoleControl::kMaxWaiting
  bool guest_open = false;
};

struct ConsoleState {
  static constexpr size_t kQueues = 6;
  std::array<std::optional<QueueState>, kQueues> queues;
  uint64_t consumed = 0;  // of the next chain of port 1's output
  ConsoleControlState control;
};

}  // namespace boxlite::virtio
