// Completion: the promise that a call of the API made when it returned success: exactly one
// callback that says how it ended, then the finalizer.
//
// A completion that is dropped unfinished (its box, its loop, its runtime went away) finishes
// itself with kCancelled, so the promise holds on every path, also on those that nobody thought of.
// It is promised only from Arm on: before that, the call may still return an error, and then
// nothing is called, not even the finalizer.
//
// Thread rule: any thread; Finish once, later ones are without effect.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "box/callback_queue.h"

namespace boxlite::box {

// What the caller gave along. Either may be empty.
template <typename T>
struct Callbacks {
  std::function<void(const Result<T>&)> done;
  std::function<void()> finalize;
};

// Counts the calls that are promised and not finished, so that a shutdown knows when it is the last
// one.
class Outstanding {
 public:
  void Add() { count_.fetch_add(1); }
  void Remove() {
    if (count_.fetch_sub(1) == 1 && idle_) idle_();
  }
  bool none() const { return count_.load() == 0; }
  // Called on any thread, each time the count falls to zero. Set before the first Add.
  void OnIdle(std::function<void()> idle) { idle_ = std::move(idle); }

 private:
  std::atomic<int64_t> count_{0};
  std::function<void()> idle_;
};

// Where completions go: parts of the runtime, which outlives them.
struct CompletionTarget {
  CallbackQueue& queue;
  Outstanding& outstanding;
};

template <typename T>
class Completion {
 public:
  Completion(CompletionTarget target, Callbacks<T> callbacks)
      : target_(target), callbacks_(std::move(callbacks)) {}
  Completion(const Completion&) = delete;
  Completion& operator=(const Completion&) = delete;
  ~Completion() { Finish(Error(Code::kCancelled, "the operation was cancelled")); }

  void Arm() {
    target_.outstanding.Add();
    state_.store(State::kArmed);
  }

  void Finish(Result<T> result) {
    State armed = State::kArmed;
    if (!state_.compare_exchange_strong(armed, State::kFinished)) return;
    if (callbacks_.done || callbacks_.finalize) {
      target_.queue.Put([callbacks = std::move(callbacks_),
                         shared = std::make_shared<Result<T>>(std::move(result))] {
        if (callbacks.done) callbacks.done(*shared);
        if (callbacks.finalize) callbacks.finalize();
      });
    }
    target_.outstanding.Remove();
  }

 private:
  enum class State { kNew, kArmed, kFinished };

  CompletionTarget target_;
  Callbacks<T> callbacks_;
  std::atomic<State> state_{State::kNew};
};

// Shared by the closures that carry it to the loop (std::function wants to be copied) and the work
// there.
template <typename T>
using CompletionPtr = std::shared_ptr<Completion<T>>;

}  // namespace boxlite::box
