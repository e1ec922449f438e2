#include "guest-agent/reaper.h"

#include <sys/signalfd.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "base/sys.h"

namespace boxlite::agent {

Reaper::Reaper(Loop& loop) : watch_(loop, [this](uint32_t) { Collect(); }) {}

Result<void> Reaper::Start() {
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  signals_.Reset(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return sys::ErrnoError("create a descriptor for signals");
  return watch_.Want(signals_.get(), EPOLLIN);
}

void Reaper::Collect() {
  // The signal is taken first: one that comes while we collect is not lost.
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) > 0) {
  }
  pid_t pid = 0;
  int status = 0;
  while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
    auto place = expected_.find(pid);
    if (place == expected_.end()) continue;
    Handler handler = std::move(place->second);
    expected_.erase(place);
    handler(status);
  }
  bool any_left = pid == 0 || errno != ECHILD;
  if (round_) round_(any_left);
}

}  // namespace boxlite::agent
