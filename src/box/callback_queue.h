// CallbackQueue: the user's callbacks that wait to be run, and the running of them.
//
// Whatever completes on the loop's thread is put here; whoever drains runs it, with no lock held,
// one drain at a time. While something waits, the descriptor is readable: a byte is written when
// the queue goes from empty to non-empty, and again when a drain leaves work behind. The bytes
// carry nothing. A socket pair and not an eventfd, because node.js refuses eventfds.
//
// The queue itself has no bound and needs none: for each call it holds at most one event of a kind
// (started, output of a channel, progress, completion), and output is bounded by its credit window.
//
// Thread rule: any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::box {

class CallbackQueue {
 public:
  using Event = std::function<void()>;
  enum class Bell { kDescriptor, kNone };

  static Result<std::unique_ptr<CallbackQueue>> Create(Bell bell);

  void Put(Event event);
  // A shutdown is promised to complete: before its Close, Drain does not answer kStopped.
  void ExpectClose();
  void Close();
  // Nothing comes any more, whatever was expected.
  void CloseForGood();

  // Runs events that wait, at most kBatch of them, and returns how many ran. Where none waits, or
  // another thread drains, it waits up to timeout_ms (-1: without end).
  // kWouldDeadlock inside a callback, kStopped.
  Result<int> Drain(int timeout_ms);
  // Runs everything there is, after another thread's drain.
  void RunAll();

  // The calling thread runs one of our events now.
  bool InCallback() const;
  int fd() const { return bell_reader_.get(); }  // -1 with Bell::kNone

 private:
  static constexpr int kBatch = 256;

  CallbackQueue() = default;
  int RunBatch(std::unique_lock<std::mutex>& lock);
  bool Ended() const { return closed_ && expected_closes_ == 0; }
  void Ring();
  void Silence();

  UniqueFd bell_reader_, bell_writer_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // guarded by mutex_
  std::deque<Event> events_;
  bool rung_ = false;  // a byte was written since the last drain began
  int expected_closes_ = 0;
  bool closed_ = false;
  std::thread::id runner_;  // who drains; nobody where it is the default
};

}  // namespace boxlite::box
