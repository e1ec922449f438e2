// Pulling an image, for the commands that do.
#pragma once

#include <string>

#include "cli/session.h"

namespace boxlite::cli {

enum class Progress : bool { kQuiet, kShown };

// Returns an exit code; `pulled` is reference@digest then. A signal meanwhile cancels it.
int PullImage(Session& session, const std::string& reference, Progress progress,
              std::string& pulled);

}  // namespace boxlite::cli
