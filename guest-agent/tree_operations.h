// PUT_TREE and GET_TREE: trees of files in and out of the box as tar streams.
#pragma once

#include <memory>

#include "guest-agent/forked_operation.h"

namespace boxlite::agent {

Result<std::unique_ptr<Operation>> PutTree(Loop& loop, Reaper& reaper, Stream stream,
                                           ByteSpan payload);
Result<std::unique_ptr<Operation>> GetTree(Loop& loop, Reaper& reaper, Stream stream,
                                           ByteSpan payload);

// kInvalidArgument where it is not absolute.
Result<void> CheckBoxPath(const std::string& path);

}  // namespace boxlite::agent
