// Knowing a process again: its id, when it started, and in which boot of the host.
#pragma once

#include "base/result.h"
#include "store/records.h"

namespace boxlite::store {

// kNotFound where there is no such process.
Result<ProcessIdentity> IdentifyProcess(int64_t pid);
// The very process that was identified is there (a zombie is not).
bool IsAlive(const ProcessIdentity& process);

}  // namespace boxlite::store
