// The system-call filter of FETCH: every call of the machine is made in a process of its own behind
// the filter, with arguments that do nothing. What is on the list comes back, whatever the kernel
// then says; what is not ends the process.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image/fetch_lock_in.h"
#include "unit/jail/filter_probe.h"

namespace boxlite::image {
namespace {

const jail::FilterProbe kProbe(FetchRules(), FetchUnknownCalls());

TEST(FetchFilter, EveryListedCall_ComesBack) {
  kProbe.ExpectEveryListedCallComesBack();
}

// The sanitizers' own code needs more (jail/filter.cpp), so their trees have a wider filter.
#ifndef BOXLITE_SANITIZED

// ThreadSanitizer's runtime has a thread of its own, which an exit of one thread leaves running.
TEST(FetchFilter, ExitCalls_End) {
  kProbe.ExpectExitCallsEnd();
}

TEST(FetchFilter, EveryOtherCall_EndsTheProcess) {
  kProbe.ExpectEveryOtherCallIsRefused();
}

TEST(FetchFilter, NewProcesses_AreRefused) {
  EXPECT_TRUE(kProbe.IsRefused(SYS_clone, SIGCHLD));
  EXPECT_TRUE(kProbe.IsRefused(SYS_clone, CLONE_NEWUSER | SIGCHLD));
  EXPECT_TRUE(kProbe.IsRefused(SYS_fork));
  EXPECT_TRUE(kProbe.IsRefused(SYS_execve, 0, 0, 0));
}

TEST(FetchFilter, WritableCode_IsRefused) {
  EXPECT_TRUE(kProbe.ComesBack(SYS_mmap, 0, 0, PROT_READ | PROT_EXEC));
  EXPECT_TRUE(kProbe.ComesBack(SYS_mmap, 0, 0, PROT_READ | PROT_WRITE));
  EXPECT_TRUE(kProbe.IsRefused(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC));
  EXPECT_TRUE(kProbe.IsRefused(SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC));
}

TEST(FetchFilter, OtherSocketsAndControls_AreRefused) {
  EXPECT_TRUE(kProbe.IsRefused(SYS_socket, AF_PACKET));
  EXPECT_TRUE(kProbe.IsRefused(SYS_socket, AF_VSOCK));
  EXPECT_TRUE(kProbe.IsRefused(SYS_socket, AF_ALG));
  EXPECT_TRUE(kProbe.IsRefused(SYS_ioctl, 0, TIOCSTI));
  EXPECT_TRUE(kProbe.IsRefused(SYS_prlimit64, 0, RLIMIT_NOFILE, 4096));
}

#endif

}  // namespace
}  // namespace boxlite::image
