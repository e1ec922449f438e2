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
// qemu-system-x86_64 of $PATH or of the usual places; empty where there is none.
std::string FindQemu();

}  // namespace boxlite::box
