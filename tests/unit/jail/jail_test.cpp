// Each layer is tried in a child of its own: what it takes away cannot be given back.
#include "jail/jail.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "base/sys.h"
#include "jail/filter.h"

namespace boxlite::jail {
namespace {

using testing::HasSubstr;

// The child's exit status; 0 is what `steps` returning true gives.
int InChild(const std::function<bool()>& steps) {
  pid_t pid = ::fork();
  if (pid == 0) ::_exit(steps() ? 0 : 1);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string StatusLine(const char* name) {
  auto file = sys::Open("/proc/self/status", O_RDONLY).TakeValue();
  std::string text = sys::ReadFile(file.get(), 1 << 16).value();
  size_t at = text.find(std::string(name) + ":");
  return text.substr(at, text.find('\n', at) - at);
}

TEST(Jail, DropCapabilities_LeavesNoneInAnySet) {
  EXPECT_EQ(InChild([] {
              if (!DropCapabilities().ok()) return false;
              bool none = StatusLine("CapEff") == "CapEff:\t0000000000000000" &&
                          StatusLine("CapPrm") == "CapPrm:\t0000000000000000" &&
                          StatusLine("CapInh") == "CapInh:\t0000000000000000" &&
                          StatusLine("CapAmb") == "CapAmb:\t0000000000000000";
              // An ordinary user cannot take from the bounding set and does not need to.
              return none &&
                     (::geteuid() != 0 || StatusLine("CapBnd") == "CapBnd:\t0000000000000000");
            }),
            0);
}

TEST(Jail, CloseDescriptorsExcept_KeepsJustThose) {
  EXPECT_EQ(InChild([] {
              int kept = ::open("/dev/null", O_RDONLY);
              int high = ::fcntl(kept, F_DUPFD, 200);
              int closed = ::fcntl(kept, F_DUPFD, 100);
              if (!CloseDescriptorsExcept({high, kept, 2, 2, -1}).ok()) return false;
              return ::fcntl(kept, F_GETFD) >= 0 && ::fcntl(high, F_GETFD) >= 0 &&
                     ::fcntl(closed, F_GETFD) < 0 && ::fcntl(0, F_GETFD) < 0;
            }),
            0);
}

TEST(Jail, LimitResources_NeverRaises) {
  EXPECT_EQ(InChild([] {
              Limit low[] = {{RLIMIT_NOFILE, 50}}, high[] = {{RLIMIT_NOFILE, 60}};
              if (!LimitResources(low).ok() || !LimitResources(high).ok()) return false;
              rlimit now{};
              ::getrlimit(RLIMIT_NOFILE, &now);
              return now.rlim_cur == 50 && now.rlim_max == 50;
            }),
            0);
}

TEST(Jail, NoNewPrivilegesAndForbidDumps_AreSet) {
  EXPECT_EQ(InChild([] {
              return NoNewPrivileges().ok() && ForbidDumps().ok() &&
                     ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
                     ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
            }),
            0);
}

TEST(Jail, ClearEnvironment_WipesNamesAndValues) {
  char secret[] = "TOKEN=secret";
  char* environment[] = {secret, nullptr};
  ClearEnvironment(environment);
  EXPECT_EQ(environment[0], nullptr);
  EXPECT_EQ(std::string(secret, sizeof secret), std::string(sizeof secret, '\0'));
}

TEST(Jail, Report_SaysWhatWasRefused) {
  Report report;
  report.Add("capabilities", "dropped", {});
  report.Add("system calls", "filtered", Error(Code::kPermission, "not here"));
  EXPECT_THAT(report.lines(), testing::ElementsAre("capabilities: dropped",
                                                   "system calls: refused by the host (not here)"));
}

constexpr Rule kFew[] = {
    {SYS_write, {}},
    {SYS_exit_group, {}},
    {SYS_rt_sigreturn, {}},
    {SYS_fcntl, {Is(1, F_GETFD)}},
};

TEST(Filter, ListedCalls_Work) {
  EXPECT_EQ(InChild([] {
              return NoNewPrivileges().ok() && LoadFilter(kFew).ok() && ::fcntl(1, F_GETFD) >= 0;
            }),
            0);
}

TEST(Filter, OtherCall_EndsTheProcessAndTellsItsNumber) {
  auto pipe = sys::Pipe().TakeValue();
  int status = InChild([&] {
    ::dup2(pipe.second.get(), STDERR_FILENO);
    if (!NoNewPrivileges().ok() || !LoadFilter(kFew).ok()) return false;
    ::syscall(SYS_getppid);
    return true;
  });
  EXPECT_EQ(status, 128 + SIGSYS);
  pipe.second.Reset();
  EXPECT_THAT(sys::ReadFile(pipe.first.get(), 4096).value(),
              HasSubstr("system call " + std::to_string(SYS_getppid) + " "));
}

TEST(Filter, ListedCallWithAnotherArgument_EndsTheProcess) {
  EXPECT_EQ(InChild([] {
              ::close(STDERR_FILENO);
              if (!NoNewPrivileges().ok() || !LoadFilter(kFew).ok()) return false;
              ::fcntl(1, F_SETFD, 0);
              return true;
            }),
            128 + SIGSYS);
}

}  // namespace
}  // namespace boxlite::jail
