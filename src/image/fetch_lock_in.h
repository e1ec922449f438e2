// What a FETCH keeps: the network, the files that name service and TLS read, reading the store's
// blobs and writing its staging directory. Everything else is refused: by Landlock where the kernel
// has it, by the system-call filter, by limits.
#pragma once

#include <span>

#include "base/result.h"
#include "image/job.h"
#include "jail/filter.h"
#include "jail/jail.h"

namespace boxlite::image {

std::span<const jail::Limit> FetchResourceLimits();
std::span<const jail::Rule> FetchRules();
// Calls that are answered as by a kernel that does not have them.
std::span<const int> FetchUnknownCalls();
Result<void> RestrictFetchFiles(const Descriptors& descriptors);

}  // namespace boxlite::image
