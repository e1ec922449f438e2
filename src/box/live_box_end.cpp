// How a LiveBox comes to its end; see live_box.h for the states.
#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "box/live_box.h"
#include "box/options.h"

namespace boxlite::box {
namespace {

// boxlite-vm has its own deadlines; these hold where it does not keep them.
constexpr uint64_t kStopGraceMs = 5000;
constexpr uint64_t kEndMs = 5000;
// What was sent before the end is read first.
constexpr uint64_t kLastWordsMs = 1000;
constexpr uint64_t kBuryAgainMs = 20;
constexpr int64_t kBuryLimitMs = 10'000;

Error VmEnded() {
  return Error(Code::kStopped, "boxlite-vm has ended");
}

}  // namespace

void LiveBox::Stop(uint32_t timeout_ms, Ready stopped) {
  bool first = stoppers_.empty();
  stoppers_.push_back(std::move(stopped));
  stop_timeout_ms_ = first ? timeout_ms : std::min(stop_timeout_ms_, timeout_ms);
  if (state_ == State::kIdle) return Look();
  if (state_ == State::kRunning) return SendStop(timeout_ms);
  if (starting() && !waiters_.empty())
    AbortStart(Error(Code::kCancelled, "the box was stopped while it started"));
}

void LiveBox::EndWithRuntime(uint32_t timeout_ms) {
  if (!ends_with_runtime()) return CallEnders(Error(Code::kCancelled, "the runtime was shut down"));
  // What is there is not known yet; it may be another process's.
  if (state_ == State::kLooking || state_ == State::kAttaching)
    return AbortStart(Error(Code::kCancelled, "the runtime was shut down"));
  Stop(timeout_ms, [](const Result<void>&) {});
}

void LiveBox::SendStop(uint32_t timeout_ms) {
  proto::Stop stop;
  stop.timeout_ms = timeout_ms;
  // Its answer says no more than the end of boxlite-vm, which is waited for anyway.
  auto request = client::Request::Open(*connection_, proto::Encode(stop), nullptr, nullptr);
  if (!request.ok()) return BeginEnd(request.TakeError());
  stop_requests_.push_back(request.TakeValue());
  end_timer_.Start(stop_timeout_ms_ + kStopGraceMs);
}

void LiveBox::OnConnectionEnded(const Error& why) {
  if (state_ == State::kAttaching) return;  // OnInfo was told.
  launch_.reset();
  stop_requests_.clear();
  connection_.reset();
  if (state_ != State::kEnding) return BeginEnd(why);
  if (!process_) Bury();
}

void LiveBox::OnProcessEnded() {
  process_.reset();
  // Why a launch failed it may have said just before; the connection's end comes after that.
  bool may_say_why = state_ == State::kLaunching && connection_;
  if (state_ != State::kEnding && !may_say_why) BeginEnd(VmEnded());
  if (!connection_) return Bury();
  end_timer_.Start(kLastWordsMs);
}

void LiveBox::BeginEnd(Error why) {
  if (state_ == State::kEnding) return;
  // Who came after the start was aborted waits for the next one.
  bool ran = state_ == State::kRunning || aborted_;
  state_ = State::kEnding;
  end_reason_ = std::move(why);
  if (!ran) {
    for (Waiter& waiter : std::exchange(waiters_, {})) failed_waiters_.push_back(std::move(waiter));
  }
  if (process_) return end_timer_.Start(kEndMs);
  if (!connection_) Bury();
}

void LiveBox::OnEndTimer() {
  Error late(Code::kTimeout, "boxlite-vm of box " + id_ + " does not answer");
  if (state_ == State::kAttaching) return FailStart(late);
  if (state_ == State::kLaunching && process_) {
    process_->Kill();
    return BeginEnd(std::move(late));
  }
  if (state_ == State::kLaunching) BeginEnd(VmEnded());
  if (state_ == State::kRunning || (process_ && owned_)) {
    parts_.log.Warn("box " + id_ + " does not end; it is killed");
    process_->Kill();
    return end_timer_.Start(kEndMs);
  }
  // The last words took too long, or it is somebody else's box that runs on without us.
  launch_.reset();
  stop_requests_.clear();
  connection_.reset();
  process_.reset();
  Bury();
}

void LiveBox::Bury() {
  end_timer_.Cancel();
  if (looking_since_ms_ == 0) looking_since_ms_ = MonotonicMs();
  parts_.worker.Compute([&store = parts_.store, id = id_] { return ReadLastRecord(store, id); },
                        [this](Result<store::BoxRecord> last) { OnBuried(std::move(last)); });
}

void LiveBox::OnBuried(Result<store::BoxRecord> last) {
  // Somebody else's box may as well run on without us.
  bool expected = owned_ || !stoppers_.empty() || !enders_.empty();
  bool gone = !last.ok() && last.error().code() == Code::kNotFound;
  bool ended = last.ok() && (!expected || !store::IsActive(last.value().state));
  if (gone && record_.exit_reason != 0) last = record_;
  if (ended || gone) {
    if (expected) CallEnders(last);
    return FinishEnd();
  }
  // The lock is free a moment after the process has ended, or somebody else is burying it.
  if (MonotonicMs() - looking_since_ms_ < kBuryLimitMs) {
    bury_again_.Start(kBuryAgainMs);
    return;
  }
  parts_.log.Errors("the end of box " + id_ + " is not recorded: " +
                    (last.ok() ? std::string("its lock is held") : last.error().message()));
  FinishEnd();
}

void LiveBox::FinishEnd() {
  std::vector<Task> tasks;
  for (Task& entry : tasks_) {
    if (entry.ticket == 0) tasks.push_back(entry);
  }
  for (Task& entry : tasks) entry.task->OnNotRunning(Error(Code::kStopped, "the box has ended"));
  BecomeIdle();
}

void LiveBox::Remove(uint32_t flags, Ready removed) {
  ++removing_;
  auto finish = [this, removed = std::move(removed)](Result<void> result) {
    --removing_;
    removed(std::move(result));
    on_idle_();
  };
  bool force = (flags & kRemoveForce) != 0;
  if (starting() && !force)
    return finish(Error(Code::kInvalidState, "box " + id_ + " is being started",
                        "Stop it first, or remove it by force."));
  if (force)
    return Stop(0, [this, finish](const Result<void>& stopped) {
      // One that is removed at its end is gone by now.
      if (!stopped.ok() && stopped.error().code() != Code::kNotFound) return finish(stopped);
      RemoveRecord(Presence::kMayBeGone, finish);
    });
  RemoveRecord(Presence::kExpected, finish);
}

void LiveBox::RemoveRecord(Presence presence, Ready removed) {
  parts_.worker.Compute(
      [&store = parts_.store, id = id_]() -> Result<void> {
        store::BoxRecord record = BOXLITE_TRY(ReadBox(store, id));
        if (store::IsActive(record.state))
          return Error(Code::kInvalidState,
                       "box " + id + " is " + store::BoxStateName(record.state),
                       "Stop it first, or remove it by force.");
        return store.RemoveBox(id, {record.state});
      },
      [presence, removed = std::move(removed)](Result<void> result) {
        bool gone = !result.ok() && result.error().code() == Code::kNotFound;
        if (gone && presence == Presence::kMayBeGone) return removed({});
        removed(std::move(result));
      });
}

}  // namespace boxlite::box
