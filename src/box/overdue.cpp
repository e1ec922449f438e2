#include "box/overdue.h"

#include <utility>

namespace boxlite::box {
namespace {

// Several, so that a host that slept reads what came meanwhile before it judges.
constexpr int kLooks = 3;

// More than the windows and pipes of a command that has ended can hold.
constexpr size_t kLateBytes = 8 * 1024 * 1024;

}  // namespace

Overdue::Overdue(loop::Loop& loop, Times times, std::function<bool()> is_held,
                 std::function<void()> on_dead)
    : times_(times),
      is_held_(std::move(is_held)),
      on_dead_(std::move(on_dead)),
      timer_(loop, [this] { Look(); }) {
  timer_.Start(times.limit_ms);
}

void Overdue::OnOutput(size_t bytes) {
  if (passed_) late_bytes_ += bytes;
}

void Overdue::Look() {
  bool held = is_held_() && late_bytes_ <= kLateBytes;
  if (std::exchange(passed_, true) && !held) ++silent_looks_;
  if (silent_looks_ < kLooks) return timer_.Start(times_.look_ms);
  auto on_dead = on_dead_;
  on_dead();
}

}  // namespace boxlite::box
