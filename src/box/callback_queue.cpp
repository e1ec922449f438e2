#include "box/callback_queue.h"

#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "base/sys.h"

namespace boxlite::box {

Result<std::unique_ptr<CallbackQueue>> CallbackQueue::Create(Bell bell) {
  std::unique_ptr<CallbackQueue> queue(new CallbackQueue());
  if (bell == Bell::kDescriptor) {
    auto pair = BOXLITE_TRY(sys::SocketPair(SOCK_STREAM | SOCK_NONBLOCK));
    queue->bell_reader_ = std::move(pair.first);
    queue->bell_writer_ = std::move(pair.second);
  }
  return queue;
}

void CallbackQueue::Put(Event event) {
  std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
  Ring();
  changed_.notify_all();
}

void CallbackQueue::ExpectClose() {
  std::lock_guard lock(mutex_);
  ++expected_closes_;
}

void CallbackQueue::Close() {
  std::lock_guard lock(mutex_);
  if (expected_closes_ > 0) --expected_closes_;
  closed_ = true;
  Ring();  // Who watches the descriptor has to learn of it as well.
  changed_.notify_all();
}

void CallbackQueue::CloseForGood() {
  std::lock_guard lock(mutex_);
  expected_closes_ = 0;
  closed_ = true;
  Ring();
  changed_.notify_all();
}

bool CallbackQueue::InCallback() const {
  std::lock_guard lock(mutex_);
  return runner_ == std::this_thread::get_id();
}

Result<int> CallbackQueue::Drain(int timeout_ms) {
  std::unique_lock lock(mutex_);
  if (runner_ == std::this_thread::get_id())
    return Error(Code::kWouldDeadlock, "drain was called inside a callback");
  auto ready = [this] { return runner_ == std::thread::id() && (Ended() || !events_.empty()); };
  if (timeout_ms < 0) {
    changed_.wait(lock, ready);
  } else if (!changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), ready)) {
    if (runner_ == std::thread::id()) Silence();
    return 0;
  }
  if (events_.empty()) {
    Silence();
    return Error(Code::kStopped, "the runtime was shut down");
  }
  return RunBatch(lock);
}

void CallbackQueue::RunAll() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return runner_ == std::thread::id(); });
  while (!events_.empty()) RunBatch(lock);
}

int CallbackQueue::RunBatch(std::unique_lock<std::mutex>& lock) {
  runner_ = std::this_thread::get_id();
  Silence();
  int count = 0;
  while (count < kBatch && !events_.empty()) {
    {
      Event event = std::move(events_.front());
      events_.pop_front();
      lock.unlock();
      event();
    }  // What the event owned goes without the lock too: it may put the next one.
    lock.lock();
    ++count;
  }
  runner_ = std::thread::id();
  if (events_.empty() && !Ended()) {
    Silence();
  } else {
    Ring();
  }
  changed_.notify_all();
  return count;
}

// With mutex_ held.
void CallbackQueue::Ring() {
  if (!bell_writer_ || rung_) return;
  rung_ = true;
  uint8_t byte = 0;
  // It cannot be full: at most one byte of ours is in it.
  static_cast<void>(::send(bell_writer_.get(), &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

// With mutex_ held.
void CallbackQueue::Silence() {
  if (!bell_reader_ || !rung_) return;
  rung_ = false;
  uint8_t bytes[16];
  static_cast<void>(::recv(bell_reader_.get(), bytes, sizeof bytes, MSG_DONTWAIT));
}

}  // namespace boxlite::box
