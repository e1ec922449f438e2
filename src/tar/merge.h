// Trees that exist already: moving one into another, and removing one.
//
// Thread rule: any thread; may block on a disk.
#pragma once

#include <string>

#include "base/result.h"

namespace boxlite::tar {

// Moves what is in directory `from` into directory `to`, of the same file system. kAlreadyExists,
// and nothing is moved, where something but a directory would meet something that is there.
Result<void> MoveInto(int from, int to);

// Removes `name` in `directory` with everything in it. Never follows a link and never leaves the
// file system. kNotFound.
Result<void> RemoveTree(int directory, const std::string& name);

}  // namespace boxlite::tar
