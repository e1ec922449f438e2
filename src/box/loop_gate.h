// LoopGate: the way from any thread to the runtime's loop, open for as long as the loop runs. It
// outlives the loop, because handles of boxes and executions may outlive their runtime.
//
// Thread rule: any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "base/result.h"
#include "loop/loop.h"

namespace boxlite::box {

class Supervisor;

class LoopGate {
 public:
  using Task = std::function<void(Supervisor&)>;

  explicit LoopGate(loop::Mailbox<Task>& mailbox) : mailbox_(&mailbox) {}

  using Accepted = std::function<void()>;

  // New work: kStopped from the begin of a shutdown on. `accepted` is called before the task can
  // run.
  Result<void> Submit(Task task, const Accepted& accepted) {
    std::lock_guard lock(mutex_);
    if (mailbox_ == nullptr || shutting_down_) return Stopped();
    accepted();
    mailbox_->Put(std::move(task));
    return {};
  }
  // What concerns work under way: kStopped from the loop's end on.
  Result<void> Post(Task task, const Accepted& accepted = nullptr) {
    std::lock_guard lock(mutex_);
    if (mailbox_ == nullptr) return Stopped();
    if (accepted) accepted();
    mailbox_->Put(std::move(task));
    return {};
  }
  // The same where nobody is there to be told.
  void Tell(Task task) { static_cast<void>(Post(std::move(task)).ok()); }
  Result<void> CheckOpen() {
    std::lock_guard lock(mutex_);
    if (mailbox_ == nullptr || shutting_down_) return Stopped();
    return {};
  }
  Result<void> CheckRunning() {
    std::lock_guard lock(mutex_);
    if (mailbox_ == nullptr) return Stopped();
    return {};
  }
  void RefuseNew() {
    std::lock_guard lock(mutex_);
    shutting_down_ = true;
  }
  void Close() {
    std::lock_guard lock(mutex_);
    mailbox_ = nullptr;
  }

 private:
  static Error Stopped() { return Error(Code::kStopped, "the runtime was shut down"); }

  std::mutex mutex_;
  loop::Mailbox<Task>* mailbox_;  // guarded by mutex_; the runtime's
  bool shutting_down_ = false;    // guarded by mutex_
};

}  // namespace boxlite::box
