#include "jail/empty_root.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

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

Result<RootKind> LeaveNamespaces() {
  uid_t user = ::geteuid();
  gid_t group = ::getegid();
  if (::unshare(CLONE_NEWUSER | kWithoutUser) == 0) {
    BOXLITE_TRY(MapUser(user, group));
    return RootKind::kOwnUser;
  }
  BOXLITE_TRY(Check(::unshare(kWithoutUser), "namespaces"));
  return RootKind::kSameUser;
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

}  // namespace

Result<RootKind> EnterEmptyRoot() {
  RootKind kind = BOXLITE_TRY(LeaveNamespaces());
  BOXLITE_TRY(EmptyRoot());
  return kind;
}

}  // namespace boxlite::jail
