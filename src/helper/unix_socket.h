// Unix sockets that have a name in a directory. They are reached through the directory's descriptor
// (/proc/self/fd/N/name), so that a long home path does not meet the 108 bytes of sun_path.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::helper {

// Listens on a new socket `name`, mode 0600, in place of whatever had that name.
Result<UniqueFd> ListenAt(int dir_fd, const std::string& name);
// Connects, non-blocking; does not wait for an accept. kNotFound where there is no such socket,
// kStopped where nobody listens on it any more.
Result<UniqueFd> ConnectAt(int dir_fd, const std::string& name);

}  // namespace boxlite::helper
