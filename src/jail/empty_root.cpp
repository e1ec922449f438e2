#include "jail/empty_root.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/sys.h"

namespace boxlite::jail {
namespace {

constexpr int kWithoutUser = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS;
constexpr const char* kNewRoot = "/tmp";  // covered in our own mount namespace only

Result<void> Check(long result, const char* what) {
  if (result < 0) return sys::ErrnoError(what);
  return {};
}

Result<void> WriteText(const char* path, const std::string& text) {
  UniqueFd file = BOXLITE_TRY(sys::Open(path, O_WRONLY));
  return sys::WriteAll(file.get(), AsBytes(text));
}

// The user stays who they are, alone.
Result<void> MapUser(uid_t user, gid_t group) {
  auto map = [](unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1\n"; };
  BOXLITE_TRY(WriteText("/proc/self/setgroups", "deny"));
  BOXLITE_TRY(WriteText("/proc/self/gid_map", map(group)));
  return WriteText("/proc/self/uid_map", map(user));
}

Result<void> EmptyRoot() {
  BOXLITE_TRY(Check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "empty root"));
  BOXLITE_TRY(Check(::mount("boxlite", kNewRoot, "tmpfs",
                            MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, "size=4k,nr_inodes=2"),
                    "empty root"));
  BOXLITE_TRY(Check(::chdir(kNewRoot), "empty root"));
  // The old root comes to lie over the new one, and goes.
  BOXLITE_TRY(Check(::syscall(SYS_pivot_root, ".", "."), "empty root"));
  BOXLITE_TRY(Check(::umount2(".", MNT_DETACH), "empty root"));
  return Check(::chdir("/"), "empty root");
}

Result<void> Leave(RootKind kind) {
  uid_t user = ::geteuid();
  gid_t group = ::getegid();
  if (kind == RootKind::kOwnUser) {
    BOXLITE_TRY(Check(::unshare(CLONE_NEWUSER | kWithoutUser), "user namespace"));
    BOXLITE_TRY(MapUser(user, group));
  } else {
    BOXLITE_TRY(Check(::unshare(kWithoutUser), "namespaces"));
  }
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
