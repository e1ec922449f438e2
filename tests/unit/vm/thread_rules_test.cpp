// The system-call filters of boxlite-vm's threads, call by call: what a thread may ask, and what
// ends the process.
#include "vm/thread_rules.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/falloc.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>

#include "unit/jail/filter_probe.h"

namespace boxlite::vm {
namespace {

using jail::FilterProbe;
using jail::Rule;

// A call with arguments that do nothing, but for those that the rule is about.
struct Call {
  long number = 0;
  jail::CallArguments arguments = {};
};
using Calls = std::vector<Call>;

struct Expectation {
  Thread thread;
  const char* name;
  Calls allowed;
  Calls refused;  // of calls that are allowed otherwise
};

Calls operator+(Calls first, const Calls& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

constexpr long kBad = -1;
constexpr long kFresh = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr int kClock = FUTEX_CLOCK_REALTIME;

Calls AllowedEverywhere() {
  return {
      {SYS_brk, {kBad}},
      {SYS_mmap, {0, 4096, PROT_NONE, kFresh | MAP_NORESERVE, kBad}},
      {SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, kFresh, kBad}},
      {SYS_mprotect, {0, 0, PROT_READ | PROT_WRITE}},
      {SYS_mremap, {1, 0, 0, MREMAP_MAYMOVE}},
      {SYS_munmap, {1, 0}},
      {SYS_madvise, {0, 0, MADV_DONTNEED}},
      {SYS_futex, {1, FUTEX_WAIT}},
      {SYS_futex, {1, FUTEX_WAIT_PRIVATE}},
      {SYS_futex, {1, FUTEX_WAKE}},
      {SYS_futex, {1, FUTEX_WAKE_PRIVATE}},
      {SYS_futex, {1, FUTEX_WAIT_BITSET | kClock, 0, 0, 0, kBad}},
      {SYS_futex, {1, FUTEX_WAIT_BITSET_PRIVATE, 0, 0, 0, kBad}},
      {SYS_futex, {1, FUTEX_WAIT_BITSET_PRIVATE | kClock, 0, 0, 0, kBad}},
      {SYS_clock_gettime, {kBad, kBad}},
      {SYS_restart_syscall, {}},
      {SYS_rt_sigprocmask, {kBad, kBad}},
      {SYS_write, {kBad}},
      {SYS_writev, {STDERR_FILENO, 0, 0}},
      {SYS_getpid, {}},
      {SYS_gettid, {}},
      {SYS_rt_sigaction, {SIGABRT, 0, 0, 0}},
      {SYS_tgkill, {::getpid(), kBad, SIGABRT}},
  };
}

Calls RefusedEverywhere() {
  return {
      {SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, kFresh, kBad}},
      {SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, kFresh, kBad}},
      {SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE, kBad}},
      {SYS_mmap, {0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, kBad}},
      {SYS_mmap, {0, 4096, PROT_READ, kFresh | MAP_FIXED, kBad}},
      {SYS_mmap, {0, 4096, PROT_READ, kFresh | MAP_GROWSDOWN, kBad}},
      {SYS_mprotect, {0, 4096, PROT_EXEC}},
      {SYS_mprotect, {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC}},
      {SYS_mremap, {1, 0, 0, MREMAP_MAYMOVE | MREMAP_FIXED}},
      {SYS_mremap, {1, 0, 0, 0}},
      {SYS_madvise, {0, 0, MADV_REMOVE}},
      {SYS_madvise, {0, 0, MADV_MERGEABLE}},
      {SYS_futex, {1, FUTEX_FD}},
      {SYS_futex, {1, FUTEX_REQUEUE}},
      {SYS_futex, {1, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG}},
      {SYS_futex, {1, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG}},
      {SYS_futex, {1, FUTEX_CMP_REQUEUE_PI | FUTEX_PRIVATE_FLAG}},
      {SYS_writev, {STDERR_FILENO + 1, 0, 0}},
      {SYS_rt_sigaction, {SIGSYS, 0, 0, 0}},
      {SYS_rt_sigaction, {SIGSEGV, 0, 0, 0}},
      {SYS_tgkill, {::getpid(), kBad, SIGKILL}},
      {SYS_tgkill, {::getpid() + 1, kBad, SIGABRT}},
      {SYS_tgkill, {1, kBad, SIGABRT}},
  };
}

Calls AllowedInLoops() {
  return {
      {SYS_read, {kBad}},
      {SYS_sendmsg, {kBad, 0, MSG_NOSIGNAL | MSG_DONTWAIT}},
      {SYS_close, {kBad}},
      {SYS_accept4, {kBad, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK}},
      {SYS_getsockopt, {kBad, SOL_SOCKET, SO_PEERCRED}},
      {SYS_setsockopt, {kBad, SOL_SOCKET, SO_SNDBUF}},
      {SYS_setsockopt, {kBad, SOL_SOCKET, SO_RCVBUF}},
      {SYS_ioctl, {kBad, FIONBIO}},
      {SYS_epoll_wait, {kBad}},
      {SYS_epoll_pwait, {kBad}},
      {SYS_epoll_ctl, {kBad}},
      {SYS_lseek, {kBad, 0, SEEK_SET}},
      {SYS_pwrite64, {kBad}},
      {SYS_getrandom, {0, 0, 0}},
  };
}

Calls RefusedInLoops() {
  return {
      {SYS_sendmsg, {kBad, 0, MSG_DONTWAIT}},
      {SYS_sendmsg, {kBad, 0, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_OOB}},
      {SYS_accept4, {kBad, 0, 0, SOCK_NONBLOCK}},
      {SYS_getsockopt, {kBad, SOL_SOCKET, SO_ERROR}},
      {SYS_getsockopt, {kBad, IPPROTO_TCP, SO_PEERCRED}},
      {SYS_setsockopt, {kBad, SOL_SOCKET, SO_RCVBUFFORCE}},
      {SYS_setsockopt, {kBad, SOL_SOCKET, SO_ATTACH_BPF}},
      {SYS_setsockopt, {kBad, IPPROTO_IP, SO_SNDBUF}},
      {SYS_ioctl, {kBad, FIOASYNC}},
      {SYS_ioctl, {kBad, TIOCSTI}},
      {SYS_ioctl, {kBad, KVM_CREATE_VM}},
      {SYS_ioctl, {kBad, KVM_RUN}},
      {SYS_lseek, {kBad, 0, SEEK_HOLE}},
      {SYS_getrandom, {0, 0, 2 /* GRND_RANDOM */}},
  };
}

Expectation QemuLoop() {
  return {Thread::kQemuLoop, "loop",
          AllowedEverywhere() + AllowedInLoops() +
              Calls{
                  {SYS_pidfd_send_signal, {kBad, SIGKILL, 0, 0}},
                  {SYS_wait4, {kBad, 0, 0, 0}},
              },
          RefusedEverywhere() + RefusedInLoops() +
              Calls{
                  {SYS_pidfd_send_signal, {kBad, SIGTERM, 0, 0}},
                  {SYS_pidfd_send_signal, {kBad, SIGKILL, 1, 0}},
                  {SYS_wait4, {kBad, 0, __WALL, 0}},
                  {SYS_tgkill, {::getpid(), kBad, SIGRTMIN}},
              }};
}

Expectation KvmLoop() {
  return {Thread::kKvmLoop, "loop",
          AllowedEverywhere() + AllowedInLoops() +
              Calls{
                  {SYS_sched_yield, {}},
                  {SYS_ioctl, {kBad, KVM_SIGNAL_MSI}},
                  {SYS_tgkill, {::getpid(), kBad, SIGRTMIN}},
              },
          RefusedEverywhere() + RefusedInLoops() +
              Calls{
                  {SYS_tgkill, {1, kBad, SIGRTMIN}},
              }};
}

Expectation Vcpu() {
  return {Thread::kVcpu, "vcpu",
          AllowedEverywhere() +
              Calls{
                  {SYS_ioctl, {kBad, KVM_RUN, 0}},
                  {SYS_ioctl, {kBad, KVM_SIGNAL_MSI}},
              },
          RefusedEverywhere() + Calls{
                                    {SYS_ioctl, {kBad, KVM_RUN, 1}},
                                    {SYS_ioctl, {kBad, KVM_CREATE_VM}},
                                    {SYS_ioctl, {kBad, KVM_CREATE_VCPU}},
                                    {SYS_ioctl, {kBad, KVM_SET_USER_MEMORY_REGION}},
                                    {SYS_ioctl, {kBad, KVM_SET_REGS}},
                                    {SYS_ioctl, {kBad, KVM_SET_GSI_ROUTING}},
                                    {SYS_ioctl, {kBad, FIONBIO}},
                                    {SYS_ioctl, {kBad, TIOCSTI}},
                                    {SYS_tgkill, {::getpid(), kBad, SIGRTMIN}},
                                }};
}

Expectation Disk() {
  constexpr long kKeep = FALLOC_FL_KEEP_SIZE;
  return {Thread::kDisk, "disk",
          AllowedEverywhere() +
              Calls{
                  {SYS_ioctl, {kBad, KVM_SIGNAL_MSI}},
                  {SYS_preadv2, {kBad, 0, 0, 0, 0, 0}},
                  {SYS_pwritev2, {kBad, 0, 0, 0, 0, 0}},
                  {SYS_pwritev2, {kBad, 0, 0, 0, 0, RWF_DSYNC}},
                  {SYS_pwrite64, {kBad}},
                  {SYS_fdatasync, {kBad}},
                  {SYS_fallocate, {kBad, FALLOC_FL_PUNCH_HOLE | kKeep}},
                  {SYS_fallocate, {kBad, FALLOC_FL_ZERO_RANGE | kKeep}},
              },
          RefusedEverywhere() + Calls{
                                    {SYS_preadv2, {kBad, 0, 0, 0, 0, RWF_HIPRI}},
                                    {SYS_pwritev2, {kBad, 0, 0, 0, 0, RWF_APPEND}},
                                    {SYS_pwritev2, {kBad, 0, 0, 0, 0, RWF_DSYNC | RWF_APPEND}},
                                    {SYS_fallocate, {kBad, 0}},
                                    {SYS_fallocate, {kBad, FALLOC_FL_PUNCH_HOLE}},
                                    {SYS_fallocate, {kBad, FALLOC_FL_COLLAPSE_RANGE}},
                                    {SYS_ioctl, {kBad, KVM_RUN, 0}},
                                    {SYS_ioctl, {kBad, KVM_CREATE_VM}},
                                    {SYS_tgkill, {::getpid(), kBad, SIGRTMIN}},
                                }};
}

class ThreadRules : public testing::TestWithParam<Expectation (*)()> {
 protected:
  const Expectation expected_ = GetParam()();
  const FilterProbe probe_{RulesOf(expected_.thread), {}, NameOf(expected_.thread)};
};

// They end their child, so that no table has them.
bool Ends(const Rule& rule) {
  return rule.call == SYS_exit || rule.call == SYS_exit_group || rule.call == SYS_rt_sigreturn;
}
auto Uses(const Rule& rule) {
  return [&rule](const Call& call) { return jail::Matches(rule, call.number, call.arguments); };
}

// So that a rule that is added here is added there.
TEST_P(ThreadRules, EveryRule_IsTriedBothWays) {
  for (const Rule& rule : probe_.rules()) {
    auto same_call = [&](const Call& call) { return call.number == rule.call; };
    EXPECT_TRUE(Ends(rule) || std::ranges::any_of(expected_.allowed, Uses(rule)))
        << "no allowed call is by the rule of system call " << rule.call;
    EXPECT_EQ(std::ranges::any_of(expected_.refused, same_call), jail::ChecksArguments(rule))
        << "system call " << rule.call;
  }
}

TEST_P(ThreadRules, AllowedCalls_ComeBack) {
  EXPECT_STREQ(NameOf(expected_.thread), expected_.name);
  for (const Call& call : expected_.allowed)
    EXPECT_TRUE(probe_.ComesBack(call.number, call.arguments))
        << "system call " << call.number << " with " << testing::PrintToString(call.arguments);
}

// The sanitizers' own code needs more (jail/filter.cpp), so their trees have wider filters.
#ifndef BOXLITE_SANITIZED

TEST_P(ThreadRules, OtherArguments_EndTheProcess) {
  for (const Call& call : expected_.refused)
    EXPECT_TRUE(probe_.IsRefused(call.number, call.arguments))
        << "system call " << call.number << " with " << testing::PrintToString(call.arguments);
}

TEST_P(ThreadRules, OtherCalls_EndTheProcess) {
  probe_.ExpectEveryOtherCallIsRefused();
}

TEST_P(ThreadRules, ExitCalls_End) {
  probe_.ExpectExitCallsEnd();
}

// By name, because they are what somebody who has taken over a thread would want.
TEST_P(ThreadRules, WaysOut_AreClosed) {
  for (long call : {SYS_open,
                    SYS_openat,
                    SYS_openat2,
                    SYS_open_by_handle_at,
                    SYS_socket,
                    SYS_socketpair,
                    SYS_connect,
                    SYS_bind,
                    SYS_listen,
                    SYS_recvmsg,
                    SYS_sendto,
                    SYS_execve,
                    SYS_execveat,
                    SYS_fork,
                    SYS_vfork,
                    SYS_clone,
                    SYS_clone3,
                    SYS_ptrace,
                    SYS_process_vm_readv,
                    SYS_process_vm_writev,
                    SYS_pidfd_open,
                    SYS_pidfd_getfd,
                    SYS_kill,
                    SYS_tkill,
                    SYS_setns,
                    SYS_unshare,
                    SYS_mount,
                    SYS_umount2,
                    SYS_pivot_root,
                    SYS_chroot,
                    SYS_setuid,
                    SYS_setgid,
                    SYS_capset,
                    SYS_prctl,
                    SYS_seccomp,
                    SYS_prlimit64,
                    SYS_io_uring_setup,
                    SYS_bpf,
                    SYS_perf_event_open,
                    SYS_userfaultfd,
                    SYS_keyctl,
                    SYS_memfd_create,
                    SYS_dup,
                    SYS_dup2,
                    SYS_dup3,
                    SYS_getdents64,
                    SYS_readlink,
                    SYS_unlinkat,
                    SYS_ftruncate,
                    SYS_modify_ldt,
                    SYS_arch_prctl,
                    SYS_personality,
                    SYS_reboot,
                    SYS_init_module})
    EXPECT_TRUE(probe_.IsRefused(call)) << "system call " << call;
  EXPECT_TRUE(probe_.IsRefused(SYS_fcntl, 0, F_SETOWN));
}

#endif

INSTANTIATE_TEST_SUITE_P(QemuLoop, ThreadRules, testing::Values(QemuLoop));
INSTANTIATE_TEST_SUITE_P(KvmLoop, ThreadRules, testing::Values(KvmLoop));
INSTANTIATE_TEST_SUITE_P(Vcpu, ThreadRules, testing::Values(Vcpu));
INSTANTIATE_TEST_SUITE_P(Disk, ThreadRules, testing::Values(Disk));

}  // namespace
}  // namespace boxlite::vm
