#include "guest-agent/shutdown.h"

#include <csignal>

namespace boxlite::agent {
namespace {

constexpr uint64_t kKillMs = 2000;     // for processes that wait for a disk
constexpr uint64_t kDeliveryMs = 200;  // for the last output of executions

}  // namespace

Shutdown::Shutdown(Loop& loop, Stream stream, uint32_t grace_ms, std::function<void()> ended)
    : stream_(stream), timer_(loop, [this] { OnTimer(); }), ended_(std::move(ended)) {
  ::kill(-1, SIGTERM);
  // A stopped process hears SIGTERM only when it goes on.
  ::kill(-1, SIGCONT);
  timer_.Start(grace_ms);
}

void Shutdown::OnRound(bool any_left) {
  if (any_left || state_ >= State::kDelivering) return;
  state_ = State::kDelivering;
  timer_.Start(kDeliveryMs);
}

void Shutdown::OnTimer() {
  if (state_ == State::kAsking) {
    state_ = State::kKilling;
    ::kill(-1, SIGKILL);
    timer_.Start(kKillMs);
    return;
  }
  state_ = State::kEnded;
  ended_();
}

}  // namespace boxlite::agent
