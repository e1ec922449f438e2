// CONFIGURE: from a machine that has booted to a box, once: random numbers, clock, name, disks.
#pragma once

#include "base/result.h"
#include "guest-agent/mounts.h"
#include "proto/messages.h"

namespace boxlite::agent {

Result<BoxTree> ConfigureBox(const proto::Configure& request);

}  // namespace boxlite::agent
