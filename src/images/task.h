// Tasks: what one object has running on the Executor. When the object goes, what has not come back
// yet comes back to nobody.
//
// Thread rule: the loop's thread; `work` runs on the worker's and owns or shares what it touches.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "images/executor.h"

namespace boxlite::images {

class Tasks {
 public:
  explicit Tasks(Executor& executor) : executor_(executor) {}

  // Hands what `work` returns to `done`.
  template <typename Work, typename Done>
  void Run(Work work, Done done) {
    using Value = decltype(work());
    auto value = std::make_shared<std::optional<Value>>();
    std::weak_ptr<char> alive = alive_;
    executor_.Run([value, work = std::move(work)]() mutable { value->emplace(work()); },
                  [value, alive, done = std::move(done)] {
                    if (!alive.expired()) done(std::move(**value));
                  });
  }

  Executor& executor() { return executor_; }

 private:
  Executor& executor_;  // outlives us
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace boxlite::images
