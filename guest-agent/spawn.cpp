#include "guest-agent/spawn.h"

#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>

#include "base/sys.h"
#include "guest-agent/clone.h"

namespace boxlite::agent {
namespace {

constexpr size_t kChildStack = 64 * 1024;

// The agent's own limit on descriptors is high; programs get what they know from other systems: few
// at first (select() breaks beyond 1024), more on request.
constexpr rlimit kDescriptors{1024, 1048576};

enum class Stage { kNone, kTerminal, kStdio, kLimit, kCwd, kIdentity, kExecute };

// What the child reads, and writes where it fails: its memory is ours.
struct Child {
  const SpawnRequest* request = nullptr;
  char* const* argv = nullptr;
  char* const* env = nullptr;
  char* const* candidates = nullptr;
  Stage failed = Stage::kNone;
  int os_errno = 0;
  size_t limit = 0;  // the one that failed
};

// From here to RunChild only system calls: no allocation, no locks, no libc state. The identity is
// set by raw calls because libc's would want to tell other threads.

bool SetLimits(Child& child) {
  ::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &kDescriptors, nullptr);
  for (const proto::ResourceLimit& limit : child.request->limits) {
    rlimit value{limit.value, limit.value};
    if (::syscall(SYS_prlimit64, 0, limit.resource, &value, nullptr) < 0) return false;
    ++child.limit;
  }
  return true;
}

bool SetStdio(const SpawnRequest& request) {
  for (int i = 0; i < 3; ++i) {
    if (::dup2(request.stdio[i], i) < 0) return false;
  }
  return true;
}

bool SetIdentity(const Identity& identity) {
  const std::vector<gid_t>& groups = identity.groups;
  return ::syscall(SYS_setgroups, groups.size(), groups.data()) == 0 &&
         ::syscall(SYS_setresgid, identity.gid, identity.gid, identity.gid) == 0 &&
         ::syscall(SYS_setresuid, identity.uid, identity.uid, identity.uid) == 0;
}

// The first candidate that can be executed. One that is there and may not be is reported only when
// none can.
int Execute(const Child& child) {
  int first_reason = ENOENT;
  for (char* const* program = child.candidates; *program != nullptr; ++program) {
    ::execve(*program, child.argv, child.env);
    if (errno == EACCES) {
      first_reason = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      return errno;
    }
  }
  return first_reason;
}

[[noreturn]] void Fail(Child& child, Stage stage, int os_errno) {
  child.failed = stage;
  child.os_errno = os_errno;
  ::_exit(127);
}

void RunChild(void* argument) {
  Child& child = *static_cast<Child*>(argument);
  const SpawnRequest& request = *child.request;
  ::setsid();
  if (request.terminal == Terminal::kYes && ::ioctl(request.stdio[0], TIOCSCTTY, 0) < 0) {
    Fail(child, Stage::kTerminal, errno);
  }
  if (!SetStdio(request)) Fail(child, Stage::kStdio, errno);
  if (!SetLimits(child)) Fail(child, Stage::kLimit, errno);
  // Before the identity changes: a user may be given a directory that others would not reach.
  if (::chdir(request.cwd.c_str()) < 0) Fail(child, Stage::kCwd, errno);
  if (!SetIdentity(request.identity)) Fail(child, Stage::kIdentity, errno);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  Fail(child, Stage::kExecute, Execute(child));
}

bool Exists(const SpawnRequest& request, const std::string& program) {
  auto cwd = sys::Open(request.cwd, O_PATH | O_DIRECTORY);
  return cwd.ok() && sys::StatAt(cwd.value().get(), program).ok();
}

Error ExecuteError(const SpawnRequest& request, int os_errno) {
  const Command& command = request.command;
  const std::string& name = command.argv[0];
  if (os_errno == E2BIG) {
    return Error::FromErrno(Code::kExecution, "execute " + name, E2BIG)
        .WithHint("pass less in arguments and environment, for example through stdin or a file");
  }
  if (os_errno != ENOENT) {
    return Error::FromErrno(Code::kExecution, "cannot execute " + name, os_errno);
  }
  for (const std::string& program : command.candidates) {
    if (!Exists(request, program)) continue;
    return Error(Code::kExecution, "cannot execute " + program +
                                       ": the interpreter or loader that it names does not exist")
        .WithErrno(ENOENT);
  }
  std::string message = "command not found: " + name;
  if (!command.path.empty()) message += " (searched PATH=" + command.path + ")";
  return Error(Code::kExecution, std::move(message)).WithErrno(ENOENT);
}

Error SpawnError(const Child& child) {
  const SpawnRequest& request = *child.request;
  switch (child.failed) {
    case Stage::kLimit: {
      const auto& limit = request.limits[child.limit];
      return Error::FromErrno(Code::kInvalidArgument,
                              "set resource limit " + std::to_string(limit.resource) + " to " +
                                  std::to_string(limit.value),
                              child.os_errno);
    }
    case Stage::kCwd:
      return Error::FromErrno(Code::kInvalidArgument, "working directory " + request.cwd,
                              child.os_errno)
          .WithHint("name a directory that exists in the box, or create it first");
    case Stage::kIdentity:
      return Error::FromErrno(
          Code::kExecution, "become user " + std::to_string(request.identity.uid), child.os_errno);
    case Stage::kTerminal:
      return Error::FromErrno(Code::kExecution, "take the terminal", child.os_errno);
    case Stage::kStdio:
      return Error::FromErrno(Code::kExecution, "set up stdin, stdout and stderr", child.os_errno);
    case Stage::kExecute:
    case Stage::kNone:
      break;
  }
  return ExecuteError(request, child.os_errno);
}

}  // namespace

Result<pid_t> Spawn(SpawnRequest& request) {
  std::vector<char*> argv = Pointers(request.command.argv);
  std::vector<char*> env = Pointers(request.command.env);
  std::vector<char*> candidates = Pointers(request.command.candidates);
  Child child{&request, argv.data(), env.data(), candidates.data()};
  auto stack = std::make_unique<std::byte[]>(kChildStack);
  long pid = CloneIntoCgroup(request.cgroup_fd, stack.get(), kChildStack, RunChild, &child);
  if (pid < 0) {
    return Error::FromErrno(Code::kResourceExhausted, "start a process", static_cast<int>(-pid));
  }
  if (child.failed == Stage::kNone) return static_cast<pid_t>(pid);
  ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return SpawnError(child);
}

}  // namespace boxlite::agent
