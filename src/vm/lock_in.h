// Locking boxlite-vm in, after QEMU was spawned and before any byte of the guest is read. From then
// on it opens nothing by name. Main thread, before there is another.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "jail/jail.h"

namespace boxlite::vm {

// First thing in main: closes what was not handed over, forgets the environment, points the
// standard streams away from the caller's.
Result<void> TidyUp(char** environment);

enum class SystemCalls : uint8_t { kFiltered, kUnfiltered };
// Notes each layer in `report`; one that our own design needs and that fails is an error.
Result<void> LockIn(jail::Report& report, SystemCalls calls);

}  // namespace boxlite::vm
