// What a runtime takes from the process's environment, read once, when it is created.
#pragma once

#include <string>

#include "base/log.h"
#include "base/result.h"
#include "box/options.h"

namespace boxlite::box {

// The home directory: as asked for, else $BOXLITE_HOME, else ~/.boxlite. kConfig where none of them
// says.
Result<std::string> HomePath(const RuntimeOptions& options);
// What is logged, and where: as asked for, else by $BOXLITE_LOG to standard error, else nowhere.
Log MakeLog(const RuntimeOptions& options);
LogLevel EffectiveLogLevel(const RuntimeOptions& options);
// All of it, NAME=value and a NUL after each: for boxlite-image, which has none of its own. Empty
// in a program that gives its caller privileges.
std::string WholeEnvironment();
// qemu-system-x86_64 of $PATH or of the usual places; empty where there is none.
std::string FindQemu();

}  // namespace boxlite::box
