// What to do where a write found no room.
#pragma once

#include <cerrno>
#include <utility>

#include "base/result.h"

namespace boxlite {

// The error with a hint where its cause is a full disk, a quota or a limit on files' sizes, and it
// has none yet.
inline Error WithRoomHint(Error error, const char* hint) {
  int full = error.os_errno();
  bool no_room = full == ENOSPC || full == EDQUOT || full == EFBIG;
  return no_room && error.hint().empty() ? std::move(error).WithHint(hint) : std::move(error);
}

// The same for what is below the home directory.
inline Error WithHomeRoomHint(Error error) {
  return WithRoomHint(std::move(error),
                      "make room on the disk of the home directory; boxlite system prune removes "
                      "what nothing uses");
}

}  // namespace boxlite
