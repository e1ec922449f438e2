// The two clocks. Durations and deadlines are monotonic; only what a person reads is wall-clock
// time.
#pragma once

#include <cstdint>
#include <ctime>

namespace boxlite {

inline int64_t ClockNs(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline int64_t MonotonicNs() {
  return ClockNs(CLOCK_MONOTONIC);
}
inline int64_t MonotonicMs() {
  return MonotonicNs() / 1'000'000;
}
inline int64_t RealtimeNs() {
  return ClockNs(CLOCK_REALTIME);
}
inline int64_t RealtimeMs() {
  return RealtimeNs() / 1'000'000;
}

}  // namespace boxlite
