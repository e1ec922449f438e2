#include "box/live_box.h"

#include <algorithm>
#include <utility>

namespace boxlite::box {

LiveBox::LiveBox(Parts parts, std::string id, std::function<void()> idle)
    : parts_(parts),
      id_(std::move(id)),
      on_idle_(std::move(idle)),
      again_(parts.loop, [this] { Look(); }),
      bury_again_(parts.loop, [this] { Bury(); }),
      end_timer_(parts.loop, [this] { OnEndTimer(); }) {}

LiveBox::~LiveBox() = default;

bool LiveBox::idle() const {
  return state_ == State::kIdle && waiters_.empty() && stoppers_.empty() && enders_.empty() &&
         tasks_.empty() && removing_ == 0;
}

bool LiveBox::ends_with_runtime() const {
  if (state_ == State::kEnding) return true;
  bool attached = state_ == State::kRunning && (!owned_ || (record_.flags & store::kBoxDetached));
  return state_ != State::kIdle && !attached;
}

LiveBox::Ticket LiveBox::WhenRunning(Ready ready, images::ProgressHandler progress) {
  if (releasing_) {
    ready(Error(Code::kStopped, "the runtime was shut down"));
    return 0;
  }
  if (state_ == State::kRunning && stoppers_.empty()) {
    ready({});
    return 0;
  }
  waiters_.push_back({++last_ticket_, std::move(ready), std::move(progress)});
  Ticket ticket = last_ticket_;
  if (state_ == State::kIdle) Look();
  return ticket;
}

void LiveBox::Unwait(Ticket ticket) {
  auto found = std::find_if(waiters_.begin(), waiters_.end(),
                            [&](const Waiter& waiter) { return waiter.ticket == ticket; });
  if (ticket == 0 || found == waiters_.end()) return;
  Waiter waiter = std::move(*found);  // What it owns goes when we are done.
  waiters_.erase(found);
  if (waiters_.empty() && stoppers_.empty() && starting())
    AbortStart(Error(Code::kCancelled, "the start was cancelled"));
}

LiveBox::Ticket LiveBox::WhenEnded(Ended ended) {
  enders_.push_back({++last_ticket_, std::move(ended)});
  Ticket ticket = last_ticket_;
  if (state_ == State::kIdle) Look();
  return ticket;
}

void LiveBox::ForgetEnder(Ticket ticket) {
  std::erase_if(enders_, [&](const Ender& ender) { return ender.ticket == ticket; });
}

void LiveBox::Run(std::shared_ptr<BoxTask> task) {
  BoxTask* raw = task.get();
  raw->box_ = this;
  tasks_.push_back({std::move(task), 0});
  Ticket ticket = WhenRunning(
      [this, raw](const Result<void>& ready) {
        if (ready.ok()) {
          raw->OnRunning(*this);
        } else {
          raw->OnNotRunning(ready.error());
        }
      },
      nullptr);
  for (Task& entry : tasks_) {
    if (entry.task.get() == raw) entry.ticket = ticket;
  }
}

void LiveBox::Done(const BoxTask& task) {
  auto found = std::find_if(tasks_.begin(), tasks_.end(),
                            [&](const Task& entry) { return entry.task.get() == &task; });
  if (found == tasks_.end()) return;
  Task done = std::move(*found);
  tasks_.erase(found);
  done.task->box_ = nullptr;
  Unwait(done.ticket);
  on_idle_();
}

void LiveBox::Cancel(const BoxTask& task, const Error& why) {
  auto found = std::find_if(tasks_.begin(), tasks_.end(),
                            [&](const Task& entry) { return entry.task.get() == &task; });
  if (found != tasks_.end()) std::shared_ptr(found->task)->OnNotRunning(why);
}

void LiveBox::Release() {
  releasing_ = true;
  // First: what is dropped on a connection that is there is cancelled in the box, and an execution
  // that was started detached shall go on.
  if (state_ == State::kRunning) connection_.reset();
  for (Task& entry : std::exchange(tasks_, {})) {
    entry.task->box_ = nullptr;
    entry.task->Abandon();
  }
  waiters_.clear();
  stoppers_.clear();
  CallEnders(Error(Code::kCancelled, "the runtime has ended"));
  stop_requests_.clear();
  if (starting()) return AbortStart(Error(Code::kCancelled, "the runtime has ended"));
  if (state_ != State::kRunning) return on_idle_();
  if (!ends_with_runtime()) {
    owned_ = false;
    return BecomeIdle();
  }
  BeginEnd(Error(Code::kCancelled, "the runtime has ended"));
}

void LiveBox::BecomeIdle() {
  state_ = State::kIdle;
  aborted_ = false;
  looking_since_ms_ = 0;
  again_.Cancel();
  bury_again_.Cancel();
  end_timer_.Cancel();
  image_operation_.reset();
  launch_.reset();
  info_.reset();
  stop_requests_.clear();
  connection_.reset();
  process_.reset();
  rootfs_ = {};
  owned_ = false;
  CallStoppers({});  // It does not run: that is what they want.
  CallWaiters(std::exchange(failed_waiters_, {}), end_reason_);
  bool wanted = !waiters_.empty() || !enders_.empty();
  if (wanted && state_ == State::kIdle) return Look();
  on_idle_();
}

void LiveBox::CallWaiters(const std::vector<Waiter>& waiters, const Result<void>& result) {
  for (const Waiter& waiter : waiters) waiter.ready(result);
}

void LiveBox::CallStoppers(const Result<void>& result) {
  stop_timeout_ms_ = 0;
  for (Ready& stopped : std::exchange(stoppers_, {})) stopped(result);
}

void LiveBox::CallEnders(const Result<store::BoxRecord>& last) {
  for (Ender& ender : std::exchange(enders_, {})) ender.ended(last);
}

}  // namespace boxlite::box
