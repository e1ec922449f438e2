#include "guest-agent/loop.h"

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/clock.h"
#include "base/sys.h"

namespace boxlite::agent {
namespace {

constexpr int kBatch = 64;

}  // namespace

Result<std::unique_ptr<Loop>> Loop::Create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return sys::ErrnoError("create an epoll descriptor");
  return std::make_unique<Loop>(std::move(epoll));
}

int Loop::TimeoutMs() const {
  if (timers_.empty()) return -1;
  int64_t left = timers_.begin()->first - MonotonicMs();
  return static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
}

void Loop::RunOnce() {
  epoll_event events[kBatch];
  int count = ::epoll_wait(epoll_.get(), events, kBatch, TimeoutMs());
  for (int i = 0; i < count; ++i) {
    auto found = watches_.find(events[i].data.u64);
    if (found != watches_.end()) found->second->handler_(events[i].events);
  }
  RunTimers();
}

void Loop::RunTimers() {
  // A timer started by a handler with no delay has its turn after the next batch.
  int64_t now = MonotonicMs();
  size_t due = static_cast<size_t>(std::distance(timers_.begin(), timers_.upper_bound(now)));
  while (due-- > 0 && !timers_.empty() && timers_.begin()->first <= now) {
    Timer* timer = timers_.begin()->second;
    timer->Stop();
    timer->handler_();
  }
}

Result<void> Watch::Want(int fd, uint32_t events) {
  if (fd == fd_ && events == events_) return {};
  if (events == 0 || fd != fd_) Stop();
  if (events == 0) return {};
  bool is_new = fd_ < 0;
  if (is_new) id_ = loop_.next_id_++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = id_;
  int operation = is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (::epoll_ctl(loop_.epoll_.get(), operation, fd, &event) < 0) {
    return sys::ErrnoError("watch a descriptor");
  }
  if (is_new) loop_.watches_[id_] = this;
  fd_ = fd;
  events_ = events;
  return {};
}

void Watch::Stop() {
  if (fd_ < 0) return;
  ::epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_DEL, fd_, nullptr);
  loop_.watches_.erase(id_);
  fd_ = -1;
  events_ = 0;
}

void Timer::Start(uint64_t delay_ms) {
  Stop();
  constexpr uint64_t kLongest = uint64_t{1} << 52;
  int64_t at = MonotonicMs() + static_cast<int64_t>(std::min(delay_ms, kLongest));
  place_ = loop_.timers_.emplace(at, this);
  active_ = true;
}

void Timer::Stop() {
  if (!active_) return;
  loop_.timers_.erase(place_);
  active_ = false;
}

}  // namespace boxlite::agent
