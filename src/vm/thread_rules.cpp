#include "vm/thread_rules.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <vector>

namespace boxlite::vm {
namespace {

using jail::Rule;
using Rules = std::vector<Rule>;

constexpr uint64_t kWhole = 0xffffffff;  // of an int

// What an allocator, a lock and the end of a thread or of the process take, in every thread.
// Memory that is writable is never executable.
constexpr Rule kEverywhere[] = {
    {SYS_brk, {}},
    {SYS_mmap, Rule::Argument{2, PROT_EXEC, 0}},
    {SYS_mprotect, Rule::Argument{2, PROT_EXEC, 0}},
    {SYS_mremap, {}},
    {SYS_munmap, {}},
    {SYS_madvise, {}},
    {SYS_futex, {}},
    {SYS_clock_gettime, {}},
    {SYS_restart_syscall, {}},
    {SYS_rt_sigprocmask, {}},
    {SYS_rt_sigreturn, {}},
    // last words
    {SYS_write, {}},
    {SYS_getpid, {}},
    {SYS_gettid, {}},
    {SYS_tgkill, {}},
    {SYS_rt_sigaction, Rule::Argument{0, kWhole, SIGABRT}},
    {SYS_exit, {}},
    {SYS_exit_group, {}},
};

constexpr Rule kLoop[] = {
    // moving frames
    {SYS_read, {}},
    {SYS_readv, {}},
    {SYS_writev, {}},
    {SYS_sendmsg, {}},
    {SYS_recvmsg, {}},
    {SYS_accept4, {}},
    {SYS_shutdown, {}},
    {SYS_getsockopt, {}},
    {SYS_setsockopt, {}},
    {SYS_close, {}},
    {SYS_ioctl, Rule::Argument{1, kWhole, FIONBIO}},
    {SYS_fcntl, Rule::Argument{1, kWhole, F_GETFL}},
    {SYS_fcntl, Rule::Argument{1, kWhole, F_SETFL}},
    {SYS_fcntl, Rule::Argument{1, kWhole, F_GETFD}},
    // waiting
    {SYS_epoll_wait, {}},
    {SYS_epoll_pwait, {}},
    {SYS_epoll_ctl, {}},
    {SYS_poll, {}},
    {SYS_sched_yield, {}},  // libuv, where it meets the thread that rings a bell
    // the log, the exit record, a box's entropy
    {SYS_lseek, {}},
    {SYS_pwrite64, {}},
    {SYS_ftruncate, {}},
    {SYS_newfstatat, Rule::Argument{3, AT_EMPTY_PATH, AT_EMPTY_PATH}},
    {SYS_fstat, {}},
    {SYS_getrandom, {}},
};

// QEMU's end.
constexpr Rule kChild[] = {
    {SYS_pidfd_send_signal, {}},
    {SYS_wait4, {}},
};

constexpr Rule kVcpu[] = {
    {SYS_ioctl, Rule::Argument{1, kWhole, KVM_RUN}},
};

constexpr Rule kDisk[] = {
    {SYS_preadv2, {}},
    {SYS_pwritev2, {}},
    {SYS_pwrite64, {}},
    {SYS_fdatasync, {}},
    {SYS_fallocate, Rule::Argument{1, kWhole, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE}},
    {SYS_fallocate, Rule::Argument{1, kWhole, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE}},
};

Rules Join(std::initializer_list<std::span<const Rule>> lists) {
  Rules all;
  for (std::span<const Rule> list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

}  // namespace

std::vector<Rule> RulesOf(Thread thread) {
  switch (thread) {
    case Thread::kQemuLoop:
      return Join({kEverywhere, kLoop, kChild});
    case Thread::kKvmLoop:
      return Join({kEverywhere, kLoop});
    case Thread::kVcpu:
      return Join({kEverywhere, kVcpu});
    default:
      return Join({kEverywhere, kDisk});
  }
}

const char* NameOf(Thread thread) {
  switch (thread) {
    case Thread::kVcpu:
      return "vcpu";
    case Thread::kDisk:
      return "disk";
    default:
      return "loop";
  }
}

}  // namespace boxlite::vm
