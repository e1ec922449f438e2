#include "kvm/run_gate.h"

namespace boxlite::kvm {

bool RunGate::Enter() {
  std::unique_lock lock(mutex_);
  if (state_ == State::kHeld) {
    ++waiting_;
    if (waiting_ == threads_) {
      lock.unlock();
      parked_();
      lock.lock();
    }
    changed_.wait(lock, [this] { return state_ != State::kHeld; });
    --waiting_;
  }
  return state_ == State::kOpen;
}

bool RunGate::open() const {
  std::lock_guard lock(mutex_);
  return state_ == State::kOpen;
}

bool RunGate::parked() const {
  std::lock_guard lock(mutex_);
  return state_ == State::kHeld && waiting_ == threads_;
}

void RunGate::Open() {
  std::lock_guard lock(mutex_);
  if (state_ == State::kHeld) state_ = State::kOpen;
  changed_.notify_all();
}

void RunGate::Hold() {
  std::lock_guard lock(mutex_);
  if (state_ == State::kOpen) state_ = State::kHeld;
}

void RunGate::Close() {
  std::lock_guard lock(mutex_);
  state_ = State::kClosed;
  changed_.notify_all();
}

}  // namespace boxlite::kvm
