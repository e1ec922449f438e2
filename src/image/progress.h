// Progress of a job. It is state: whoever looks sees the latest, nobody is told of every step.
//
// Thread rule: one thread changes it, any may look; `changed` is called on the thread that changes
// it.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include "proto/messages.h"

namespace boxlite::image {

class Progress {
 public:
  explicit Progress(std::function<void()> changed = [] {}) : changed_(std::move(changed)) {}

  template <typename Change>
  void Update(Change change) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      change(state_);
    }
    changed_();
  }

  proto::ProgressEvent Latest() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return state_;
  }

 private:
  std::function<void()> changed_;
  mutable std::mutex mutex_;
  proto::ProgressEvent state_;  // guarded by mutex_
};

}  // namespace boxlite::image
