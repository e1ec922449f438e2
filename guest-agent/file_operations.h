// The box's files by name: LIST_FILES, STAT_FILE, MAKE_DIRECTORY, RENAME_FILE, REMOVE_FILE.
// Symbolic links are followed in the directories of a path and, but for STAT_FILE with its flag,
// not in its last name.
#pragma once

#include <memory>

#include "guest-agent/forked_operation.h"

namespace boxlite::agent {

// `op` is one of them.
Result<std::unique_ptr<Operation>> StartFileOperation(Loop& loop, Reaper& reaper, Stream stream,
                                                      proto::Op op, ByteSpan payload);

}  // namespace boxlite::agent
