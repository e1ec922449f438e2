#include "jail/namespaces.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <string_view>

namespace boxlite::jail {
namespace {

constexpr const char* kNewRoot = "/tmp";  // covered in our own mount namespace only

std::string IdentityMap(unsigned id) {
  std::string number = std::to_string(id);
  return number + " " + number + " 1\n";
}

bool WriteText(const char* path, std::string_view text) {
  int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool ok = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return ok;
}

}  // namespace

UserMap UserMap::OfCaller() {
  return {IdentityMap(::geteuid()), IdentityMap(::getegid())};
}

bool MapUser(const UserMap& map) {
  return WriteText("/proc/self/setgroups", "deny") && WriteText("/proc/self/gid_map", map.group) &&
         WriteText("/proc/self/uid_map", map.user);
}

bool EnterMemoryRoot(const MemoryRoot& root) {
  unsigned long flags = root.flags | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  bool over = root.old_root[0] == '.' && root.old_root[1] == '\0';
  return ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("boxlite", kNewRoot, "tmpfs", flags, root.options) == 0 &&
         ::chdir(kNewRoot) == 0 && (over || ::mkdir(root.old_root, 0700) == 0) &&
         ::syscall(SYS_pivot_root, ".", root.old_root) == 0;
}

}  // namespace boxlite::jail
