// Who an execution runs as: the box's /etc/passwd and /etc/group, read as any image may have
// written them, and the words of a request, "name|uid[:group|gid]".
//
// The rules are those of container engines: a name or number that passwd knows brings its primary
// group, its home and its supplementary groups; a number that passwd does not know runs with group
// 0 and home "/"; a group that is named replaces all groups.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace boxlite::agent {

struct Identity {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
  std::string home = "/";
};

// `passwd` and `group` are the files' contents; empty where there is none.
Result<Identity> ResolveUser(std::string_view wanted, std::string_view passwd,
                             std::string_view group);

// The same with the files of the tree we live in.
Result<Identity> LookUpUser(std::string_view wanted);

// The name that `passwd` has for a number; "" where it has none.
std::string NameOfUser(uid_t uid, std::string_view passwd);
// The box's /etc/passwd; "" where it has none that can be read.
std::string ReadPasswd();

}  // namespace boxlite::agent
