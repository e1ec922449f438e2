// What a process does first in namespaces of its own: it maps its user, and it covers the host's
// file system by one in memory. Bare system calls, because one of the callers shares its parent's
// memory (vfork) and may not allocate; false leaves the reason in errno.
//
// Thread rule: the only thread of the process.
#pragma once

#include <sched.h>

#include <string>

namespace boxlite::jail {

// Those that need no user namespace of one's own where one is privileged.
constexpr int kHostsNamespaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS;

// The caller stays who they are, alone. Made outside of the namespace.
struct UserMap {
  static UserMap OfCaller();
  std::string user, group;  // as /proc/PID/uid_map and gid_map want them
};
// Inside of it.
[[nodiscard]] bool MapUser(const UserMap& map);

// A file system in memory that takes the root's place.
struct MemoryRoot {
  unsigned long flags = 0;  // MS_*, beside those that keep programs and devices out
  const char* options = "";
  // Where in it the host's comes to lie: a name; ".": over it, until "." is unmounted.
  const char* old_root = ".";
};
// The working directory is the new root afterwards.
[[nodiscard]] bool EnterMemoryRoot(const MemoryRoot& root);

}  // namespace boxlite::jail
