// Files of the box opened by the agent itself. A name that should be a file may be a FIFO or a
// device: opening or reading one would stop the agent, so nothing but a regular file is read.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::agent {

// Follows symbolic links.
Result<UniqueFd> OpenRegularFile(const std::string& path);
Result<std::string> ReadRegularFile(const std::string& path, size_t limit);

}  // namespace boxlite::agent
