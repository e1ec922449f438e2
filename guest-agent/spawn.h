// Starting a process: everything between the clone and the program's first instruction.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "guest-agent/command.h"
#include "guest-agent/users.h"
#include "proto/messages.h"

namespace boxlite::agent {

enum class Terminal { kNo, kYes };

struct SpawnRequest {
  Command command;
  Identity identity;
  std::string cwd;
  std::vector<proto::ResourceLimit> limits;
  Terminal terminal = Terminal::kNo;  // stdin becomes the controlling terminal
  int cgroup_fd = -1;
  int stdio[3] = {-1, -1, -1};  // borrowed
};

// The pid of the running program. Where it could not be executed, an error that says at what it
// failed, and no process is left.
Result<pid_t> Spawn(SpawnRequest& request);

}  // namespace boxlite::agent
