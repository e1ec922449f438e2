// LatestSlot: the latest progress of a call, on its way to the user's callback. Progress is
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

template <typename T>
class LatestSlot : public std::enable_shared_from_this<LatestSlot<T>> {
 public:
  using Sink = std::function<void(const T&)>;

  LatestSlot(CallbackQueue& queue, Sink sink) : queue_(queue), sink_(std::move(sink)) {}

  void Put(const T& progress) {
    if (!sink_) return;
    {
      std::lock_guard lock(mutex_);
      latest_ = progress;
      if (std::exchange(queued_, true)) return;
    }
    queue_.Put([self = this->shared_from_this()] { self->Run(); });
  }

 private:
  void Run() {
    T progress;
    {
      std::lock_guard lock(mutex_);
      progress = latest_;
      queued_ = false;
    }
    sink_(progress);
  }

  CallbackQueue& queue_;
  const Sink sink_;
  std::mutex mutex_;
  T latest_{};           // guarded by mutex_
  bool queued_ = false;  // guarded by mutex_
};

using ProgressSlot = LatestSlot<proto::ProgressEvent>;
using ProgressSink = ProgressSlot::Sink;

}  // namespace boxlite::box
