// What to execute: an argument vector, an environment and a PATH in the form that execve takes,
// checked, and made before the child exists, because the child shares our memory and must not
// allocate.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "guest-agent/users.h"
#include "proto/messages.h"

namespace boxlite::agent {

constexpr char kDefaultPath[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Command {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  // Programs to try in turn: one, or the command's name in every directory of PATH.
  std::vector<std::string> candidates;
  std::string path;  // what was searched; empty where nothing was
};

// Takes argv and env out of `request`.
Result<Command> MakeCommand(proto::Exec& request, const Identity& identity);

// Pointers to each string, and a null at the end.
std::vector<char*> Pointers(std::vector<std::string>& strings);

}  // namespace boxlite::agent
