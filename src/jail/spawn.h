// Starts a program in a jail of its own: an empty root with read-only binds of what it needs, its
// own user, mount, pid, ipc, network and uts namespaces, no capabilities, no_new_privs, no
// environment, only the descriptors it is given, limits, and death with its parent.
//
// A host may refuse namespaces (in containers, by a sysctl, by AppArmor). Then the next weaker plan
// is tried, and `layers` says what was refused:
//
//   1. a user namespace and with it all the others, and an empty root
//   2. the others without a user namespace (for root in a container)
//   3. none
//
// The child is made with a vfork-like clone: it shares our memory until it executes, so that what
// it does before is system calls and nothing else, and it tells us what failed by writing into a
// struct of ours.
//
// Thread rule: the main thread, because the child dies with the thread that made it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "jail/jail.h"

namespace boxlite::jail {

// A file or directory of the host that appears, read-only, in the empty root. Where the host has a
// symbolic link (/lib of a merged /usr), the link appears. One that does not exist is skipped.
struct Bind {
  std::string path;    // on the host
  std::string target;  // in the jail, absolute
  enum class Access { kReadOnly, kDevice } access = Access::kReadOnly;
};

struct ChildSpec {
  std::string program;  // absolute, the same in the jail
  std::vector<std::string> argv;
  // Appended to argv where the root is empty, and where it is the host's.
  std::vector<std::string> jailed_argv, unjailed_argv;
  // Descriptor i of the child; -1 is /dev/null.
  std::vector<int> descriptors;
  std::vector<Bind> binds;
  std::vector<Limit> limits;
  bool namespaces = true;  // false: the third plan at once
};

struct Child {
  pid_t pid = -1;
  UniqueFd pidfd;
  std::vector<std::string> layers;  // lines of a Report
};

// Fails where the program cannot be executed at all.
Result<Child> Spawn(const ChildSpec& spec);

}  // namespace boxlite::jail
