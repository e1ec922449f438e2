// Executor: where blocking work runs, so that the loop's thread does not wait for a disk or for the
// database. The runtime has one worker thread behind it.
//
// Thread rule: Run is called on the loop's thread.
#pragma once

#include <functional>

#include "loop/loop.h"

namespace boxlite::images {

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `work` on the worker's thread, in the order of the calls, then `done` on the loop's
  // thread, never inside Run. Both run exactly once, or, where the executor is destroyed before,
  // not at all.
  virtual void Run(std::function<void()> work, loop::Callback done) = 0;
};

}  // namespace boxlite::images
