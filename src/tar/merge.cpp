#include "tar/merge.h"

#include <linux/fs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/sys.h"
#include "base/sys_files.h"
#include "tar/entry.h"

namespace boxlite::tar {
namespace {

Result<UniqueFd> OpenDirectory(int parent, const std::string& name) {
  return sys::OpenAt(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

bool IsDirectory(int parent, const std::string& name) {
  auto info = sys::StatAt(parent, name, AT_SYMLINK_NOFOLLOW);
  return info.ok() && S_ISDIR(info.value().st_mode);
}

bool Exists(int parent, const std::string& name) {
  return sys::StatAt(parent, name, AT_SYMLINK_NOFOLLOW).ok();
}

enum class Pass { kLook, kMove };

Result<void> Merge(int from, int to, Pass pass, const std::string& path, size_t depth) {
  if (depth > kMaxDepth) return Error(Code::kInvalidArgument, path + " lies too deep");
  auto names = BOXLITE_TRY(sys::ListDir(from));
  for (const std::string& name : names) {
    std::string here = path;
    if (!here.empty()) here += '/';
    here += name;
    if (!Exists(to, name)) {
      if (pass == Pass::kLook) continue;
      if (::renameat2(from, name.c_str(), to, name.c_str(), RENAME_NOREPLACE) < 0)
        return sys::ErrnoError("move " + here + " to its place");
      continue;
    }
    if (!IsDirectory(from, name) || !IsDirectory(to, name))
      return Error(Code::kAlreadyExists, here + " exists already at the destination",
                   "Allow overwriting, or remove it first.")
          .WithErrno(EEXIST);
    UniqueFd source = BOXLITE_TRY(OpenDirectory(from, name));
    UniqueFd target = BOXLITE_TRY(OpenDirectory(to, name));
    BOXLITE_TRY(Merge(source.get(), target.get(), pass, here, depth + 1));
  }
  return {};
}

// The entries of one directory; subdirectories that have entries are opened on the way.
Result<void> Empty(int directory, dev_t device, size_t depth) {
  if (depth > kMaxDepth * 8) return Error(Code::kInvalidArgument, "the tree is too deep");
  auto names = BOXLITE_TRY(sys::ListDir(directory));
  for (const std::string& name : names) {
    if (::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR && errno != EPERM) return sys::ErrnoError("remove " + name);
    UniqueFd child = BOXLITE_TRY(OpenDirectory(directory, name));
    struct stat info = BOXLITE_TRY(sys::Stat(child.get()));
    if (info.st_dev != device) return sys::ErrnoError("remove " + name, EBUSY);
    BOXLITE_TRY(Empty(child.get(), device, depth + 1));
    BOXLITE_TRY(sys::UnlinkAt(directory, name, AT_REMOVEDIR));
  }
  return {};
}

}  // namespace

Result<void> MoveInto(int from, int to) {
  BOXLITE_TRY(Merge(from, to, Pass::kLook, "", 0));
  return Merge(from, to, Pass::kMove, "", 0);
}

Result<void> RemoveTree(int directory, const std::string& name) {
  if (::unlinkat(directory, name.c_str(), 0) == 0) return {};
  if (errno != EISDIR && errno != EPERM) return sys::ErrnoError("remove " + name);
  UniqueFd tree = BOXLITE_TRY(OpenDirectory(directory, name));
  struct stat info = BOXLITE_TRY(sys::Stat(tree.get()));
  BOXLITE_TRY(Empty(tree.get(), info.st_dev, 0));
  if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) < 0)
    return sys::ErrnoError("remove " + name);
  return {};
}

}  // namespace boxlite::tar
