// Overdue: whether a command's time limit has passed and its guest does not say that it has ended.
//
// The guest keeps the limit itself. One that does not, thirty seconds later, has no agent or no
// kernel any more, and what runs in it ends with its box. A user who does not take the output keeps
// a guest from telling the end; that is no reason, unless the guest goes on sending.
//
// Thread rule: the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "loop/loop.h"

namespace boxlite::box {

class Overdue {
 public:
  struct Times {
    uint64_t limit_ms = 0;
    uint64_t look_ms = 10'000;  // between looks; three find nothing before it is judged
  };
  // `is_held`: whether the user has yet to take what came. `on_dead`, once, may destroy this.
  Overdue(loop::Loop& loop, Times times, std::function<bool()> is_held,
          std::function<void()> on_dead);

  void OnOutput(size_t bytes);

 private:
  void Look();

  const Times times_;
  const std::function<bool()> is_held_;
  const std::function<void()> on_dead_;
  bool passed_ = false;    // the limit
  int silent_looks_ = 0;   // since then, in vain
  size_t late_bytes_ = 0;  // since then
  loop::Timer timer_;
};

}  // namespace boxlite::box
