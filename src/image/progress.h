// Progress of a job, and the image that it has found. Both are state: whoever looks sees the
// latest, nobody is told of every step.
//
// Thread rule: one thread changes it, any may look; `changed` is called on the thread that changes
// it.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "base/bytes.h"
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

  void Found(const proto::ImageClosed& image) {
    proto::FoundEvent event;
    event.image = image;
    auto record = std::make_shared<const Bytes>(proto::Encode(std::move(event)));
    {
      std::lock_guard<std::mutex> lock(mutex_);
      found_ = std::move(record);
    }
    changed_();
  }

  proto::ProgressEvent Latest() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return state_;
  }
  // The record of the EVENT; none where nothing is found yet.
  std::shared_ptr<const Bytes> LatestFound() const {
    std::lock_guard<std::mutex> lock(mutex_);
    return found_;
  }

 private:
  std::function<void()> changed_;
  mutable std::mutex mutex_;
  proto::ProgressEvent state_;          // guarded by mutex_
  std::shared_ptr<const Bytes> found_;  // the same
};

}  // namespace boxlite::image
