// LockIn: what boxlite-image gives up before it touches anything that a stranger wrote.
#pragma once

#include "base/result.h"
#include "image/job.h"

namespace boxlite::image {

// Keeps the network only for a FETCH. Call while there is one thread.
Result<void> LockIn(const JobRequest& request, const Descriptors& descriptors);

}  // namespace boxlite::image
