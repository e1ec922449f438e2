// ProgressSlot: the latest progress of a call, on its way to the user's callback. Progress is
// state: what nobody has looked at yet is replaced by what is newer, so one event in the queue is
// enough.
//
// Thread rule: Put on the loop's thread; the event runs on whichever thread drains.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "box/callback_queue.h"
#include "proto/messages.h"

namespace boxlite::box {

using ProgressSink = std::function<void(const proto::ProgressEvent&)>;

class ProgressSlot : public std::enable_shared_from_this<ProgressSlot> {
 public:
  ProgressSlot(CallbackQueue& queue, ProgressSink sink) : queue_(queue), sink_(std::move(sink)) {}

  void Put(const proto::ProgressEvent& progress) {
    if (!sink_) return;
    {
      std::lock_guard lock(mutex_);
      latest_ = progress;
      if (std::exchange(queued_, true)) return;
    }
    queue_.Put([self = shared_from_this()] { self->Run(); });
  }

 private:
  void Run() {
    proto::ProgressEvent progress;
    {
      std::lock_guard lock(mutex_);
      progress = latest_;
      queued_ = false;
    }
    sink_(progress);
  }

  CallbackQueue& queue_;
  const ProgressSink sink_;
  std::mutex mutex_;
  proto::ProgressEvent latest_;  // guarded by mutex_
  bool queued_ = false;          // guarded by mutex_
};

}  // namespace boxlite::box
