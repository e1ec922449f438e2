// The rate of the host's time-stamp counter, which a guest under TCG reads as its own.
#pragma once

#include <cstdint>

namespace boxlite::machine {

// In kHz, measured against CLOCK_MONOTONIC in two milliseconds, within some 30 ppm: the kernel
// tells nobody what it measured itself, and the MHz of /proc/cpuinfo follow the core's clock.
uint32_t MeasureTscKhz();

}  // namespace boxlite::machine
