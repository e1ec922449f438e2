// Directories, links and sparse copies, as Results.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::sys {

// The names in a directory but for "." and "..", in no order. The descriptor's own position does
// not matter and does not change.
Result<std::vector<std::string>> ListDir(int dir_fd);

// The absolute path without symlinks.
Result<std::string> RealPath(const std::string& path);

// Gives the open file `fd` a name; kAlreadyExists where it is taken. Works for O_TMPFILE, and for a
// file whose other name has moved; not for one that has lost its last name.
Result<void> LinkFd(int fd, int to_dir, const std::string& to);

// Opens `path`, which is relative, and nothing outside the directory, also not while others rename
// things in it (openat2). kNoLinks: no part of it may be a symbolic link; kLinks: they are followed
// as if the directory were "/".
enum class Beneath { kNoLinks, kLinks };
Result<UniqueFd> OpenBeneath(int dir_fd, const std::string& path, int flags, Beneath links);

// Whether this process may write and search the directory; kPermission where not.
Result<void> CheckWritable(int dir_fd);

// Makes `to` as long as `from` and copies what is not a hole; shares blocks where the file system
// can. `to` is empty.
Result<void> CopySparse(int from, int to);

}  // namespace boxlite::sys
