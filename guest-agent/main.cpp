// boxlite-agent: PID 1 of a box. It boots with nothing but itself in an initramfs, says hello on a
// console port and does what the host asks (docs/protocol.md).
//
// One thread. It never exits: the kernel would panic. What it cannot do it says to the host, or,
// while there is no way to the host, on the kernel's console.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "base/log.h"
#include "base/sys.h"
#include "guest-agent/agent.h"
#include "guest-agent/mounts.h"

namespace boxlite::agent {
namespace {

// An execution takes a handful of descriptors, and there may be many.
constexpr rlimit kOwnDescriptors{1048576, 1048576};

void WriteToConsole(LogLevel, std::string_view line) {
  std::string text = "boxlite-agent: " + std::string(line) + "\n";
  static_cast<void>(sys::WriteAll(STDERR_FILENO, AsBytes(text)));
}

Result<void> Run(const Log& log) {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  ::umask(022);
  ::setrlimit(RLIMIT_NOFILE, &kOwnDescriptors);
  BOXLITE_TRY(MountEarly());
  std::unique_ptr<Loop> loop = BOXLITE_TRY(Loop::Create());
  Agent agent(*loop, log);
  BOXLITE_TRY(agent.Start());
  for (;;) agent.RunOnce();
}

}  // namespace
}  // namespace boxlite::agent

int main() {
  boxlite::Log log(boxlite::LogLevel::kError, boxlite::agent::WriteToConsole);
  if (::getpid() != 1) {
    log.Errors("this program is the first process of a box and runs nowhere else");
    return 2;
  }
  auto result = boxlite::agent::Run(log);
  if (!result.ok()) log.Errors(result.error().message());
  for (;;) ::pause();
}
