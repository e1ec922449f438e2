#include "machine/tsc.h"

#include <time.h>
#include <x86intrin.h>

#include <cmath>

#include "base/clock.h"

namespace boxlite::machine {
namespace {

struct Reading {
  uint64_t ticks = 0;
  int64_t ns = 0;
};

// Both counters at one moment: of a few attempts the one that took the fewest ticks, which is one
// that nothing interrupted.
Reading ReadBoth() {
  Reading best;
  uint64_t shortest = UINT64_MAX;
  for (int attempt = 0; attempt < 8; ++attempt) {
    uint64_t before = __rdtsc();
    int64_t ns = MonotonicNs();
    uint64_t took = __rdtsc() - before;
    if (took < shortest) {
      shortest = took;
      best = {before + took / 2, ns};
    }
  }
  return best;
}

}  // namespace

uint32_t MeasureTscKhz() {
  constexpr timespec kPause{0, 2'000'000};
  Reading from = ReadBoth();
  ::nanosleep(&kPause, nullptr);
  Reading to = ReadBoth();
  auto ns = static_cast<double>(to.ns - from.ns);
  return static_cast<uint32_t>(std::lround(static_cast<double>(to.ticks - from.ticks) * 1e6 / ns));
}

}  // namespace boxlite::machine
