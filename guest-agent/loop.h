// The agent's event loop: epoll, timers, nothing else. One thread; the loop outlives its watches
// and timers.
//
// A handler may stop any watch or timer, its own included, but may not destroy its own: owners are
// destroyed between two batches (see Session).
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::agent {

class Timer;
class Watch;

class Loop {
 public:
  static Result<std::unique_ptr<Loop>> Create();
  explicit Loop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Waits for one batch of events and timers and handles it.
  void RunOnce();

 private:
  friend class Timer;
  friend class Watch;

  int TimeoutMs() const;
  void RunTimers();

  UniqueFd epoll_;
  uint64_t next_id_ = 1;
  // Events carry an id and not a pointer: what a batch names may be gone by its turn.
  std::unordered_map<uint64_t, Watch*> watches_;
  std::multimap<int64_t, Timer*> timers_;
};

class Watch {
 public:
  using Handler = std::function<void(uint32_t events)>;

  Watch(Loop& loop, Handler handler) : loop_(loop), handler_(std::move(handler)) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { Stop(); }

  // Watches `fd` (borrowed; Stop comes before its close) for `events`; 0 is nothing, not even a
  // hang-up.
  Result<void> Want(int fd, uint32_t events);
  void Stop();

 private:
  friend class Loop;

  Loop& loop_;
  Handler handler_;
  int fd_ = -1;
  uint64_t id_ = 0;
  uint32_t events_ = 0;
};

class Timer {
 public:
  Timer(Loop& loop, std::function<void()> handler) : loop_(loop), handler_(std::move(handler)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { Stop(); }

  void Start(uint64_t delay_ms);
  void Stop();
  bool active() const { return active_; }

 private:
  friend class Loop;

  Loop& loop_;
  std::function<void()> handler_;
  std::multimap<int64_t, Timer*>::iterator place_;
  bool active_ = false;
};

}  // namespace boxlite::agent
