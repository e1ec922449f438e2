// Landlock: which files this process may open by path from now on. What is open already stays as
// usable as it is. Where the kernel has no Landlock (before 5.13, or switched off) nothing happens
// and the answer says so; the other layers hold without it.
#pragma once

#include <span>
#include <string>

#include "base/result.h"

namespace boxlite::jail {

enum class FileAccess {
  kRead,   // files, and the names in directories
  kWrite,  // kRead, and making, changing, renaming and removing files and directories
};

// A file, or a directory with everything below it: a path, or an open descriptor where that is not
// negative. A path that does not exist is skipped.
struct FileRule {
  std::string path;
  int fd = -1;
  FileAccess access = FileAccess::kRead;
};

// Needs no_new_privs. True where it holds; false where the kernel does not have it.
Result<bool> RestrictFiles(std::span<const FileRule> rules);

}  // namespace boxlite::jail
