// Ended processes: as PID 1 we are told of our own children and of every orphan in the box.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>

#include "base/result.h"
#include "base/unique_fd.h"
#include "guest-agent/loop.h"

namespace boxlite::agent {

class Reaper {
 public:
  using Handler = std::function<void(int wait_status)>;

  explicit Reaper(Loop& loop);
  // Needs SIGCHLD blocked.
  Result<void> Start();

  // `handler` is called once, when `pid` has ended and is gone.
  void Expect(pid_t pid, Handler handler) { expected_[pid] = std::move(handler); }
  // Called after each round, with whether any process is left in the box.
  void OnRound(std::function<void(bool any_left)> handler) { round_ = std::move(handler); }
  void Collect();

 private:
  UniqueFd signals_;
  Watch watch_;
  std::map<pid_t, Handler> expected_;
  std::function<void(bool)> round_;
};

}  // namespace boxlite::agent
