// What a CONVERT keeps: the clients, the files that are open, memory and threads. It opens
// nothing by path and has no network: its layers were opened before.
#pragma once

#include <span>

#include "jail/filter.h"
#include "jail/jail.h"

namespace boxlite::image {

std::span<const jail::Limit> ConvertResourceLimits();
std::span<const jail::Rule> ConvertRules();
// Answered with ENOSYS: what a library tries and does without.
std::span<const int> ConvertUnknownCalls();

}  // namespace boxlite::image
