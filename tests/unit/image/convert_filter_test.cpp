// The system-call filter of CONVERT, call by call.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "image/convert_lock_in.h"
#include "unit/jail/filter_probe.h"

namespace boxlite::image {
namespace {

const jail::FilterProbe kProbe(ConvertRules(), ConvertUnknownCalls());

TEST(ConvertFilter, EveryListedCall_ComesBack) {
  kProbe.ExpectEveryListedCallComesBack();
}

// The sanitizers' own code needs more (jail/filter.cpp), so their trees have a wider filter.
#ifndef BOXLITE_SANITIZED

TEST(ConvertFilter, EveryOtherCall_EndsTheProcess) {
  kProbe.ExpectEveryOtherCallIsRefused();
}

TEST(ConvertFilter, Opens_AreAnsweredAsByAKernelWithoutThem) {
  pid_t child = ::fork();
  if (child == 0) {
    bool loaded = jail::NoNewPrivileges().ok() &&
                  jail::LoadFilter(ConvertRules(), ConvertUnknownCalls()).ok();
    bool refused = ::openat(AT_FDCWD, "/dev/null", O_RDONLY) < 0 && errno == ENOSYS;
    ::_exit(loaded && refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ConvertFilter, NetworkNamesAndProcesses_AreRefused) {
  for (long call : {SYS_socket, SYS_connect, SYS_bind, SYS_execve, SYS_fork, SYS_vfork,
                    SYS_unlinkat, SYS_renameat, SYS_mkdirat, SYS_readlink, SYS_prctl})
    EXPECT_TRUE(kProbe.IsRefused(call)) << "system call " << call;
  EXPECT_TRUE(kProbe.IsRefused(SYS_clone, SIGCHLD));
  EXPECT_TRUE(kProbe.IsRefused(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC));
  EXPECT_TRUE(kProbe.IsRefused(SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC));
  EXPECT_TRUE(kProbe.IsRefused(SYS_ioctl, 0, TIOCSTI));
}

#endif

}  // namespace
}  // namespace boxlite::image
