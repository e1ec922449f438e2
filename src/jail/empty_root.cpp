#include "jail/empty_root.h"

#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.h"
#include "jail/namespaces.h"

namespace boxlite::jail {
namespace {

constexpr MemoryRoot kEmpty = {MS_RDONLY, "size=4k,nr_inodes=2", "."};

Result<void> Check(bool done, const char* what) {
  if (!done) return sys::ErrnoError(what);
  return {};
}

Result<void> EmptyRoot() {
  return Check(EnterMemoryRoot(kEmpty) && ::umount2(".", MNT_DETACH) == 0 && ::chdir("/") == 0,
               "empty root");
}

Result<void> Leave(RootKind kind) {
  if (kind == RootKind::kSameUser) {
    BOXLITE_TRY(Check(::unshare(kHostsNamespaces) == 0, "namespaces"));
    return EmptyRoot();
  }
  UserMap map = UserMap::OfCaller();
  BOXLITE_TRY(Check(::unshare(CLONE_NEWUSER | kHostsNamespaces) == 0, "user namespace"));
  BOXLITE_TRY(Check(MapUser(map), "user namespace"));
  return EmptyRoot();
}

// What a host refuses in the middle (a map, a mount) cannot be taken back, so that a child tries.
Result<void> Try(RootKind kind) {
  pid_t child = ::fork();
  if (child < 0) return sys::ErrnoError("fork");
  if (child == 0) {
    Result<void> left = Leave(kind);
    ::_exit(left.ok() ? 0 : left.error().os_errno() & 0xff);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return sys::ErrnoError("namespaces", WIFEXITED(status) ? WEXITSTATUS(status) : EPERM);
}

}  // namespace

Result<RootKind> EnterEmptyRoot() {
  Result<void> tried;
  for (RootKind kind : {RootKind::kOwnUser, RootKind::kSameUser}) {
    tried = Try(kind);
    if (!tried.ok()) continue;
    BOXLITE_TRY(Leave(kind));
    return kind;
  }
  return tried.TakeError();
}

}  // namespace boxlite::jail
