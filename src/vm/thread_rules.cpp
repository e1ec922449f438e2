#include "vm/thread_rules.h"

#include <linux/falloc.h>
#include <linux/futex.h>
#include <linux/kvm.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <vector>

#include "kvm/vcpu.h"

namespace boxlite::vm {
namespace {

using jail::Is;
using jail::Lacks;
using jail::Rule;
using Rules = std::vector<Rule>;

// A futex's operation: on whose memory, and by which clock a wait ends, is all the same.
constexpr Rule::Argument Futex(uint64_t operation) {
  return {1, 0xffffffff & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME), operation};
}
// Fresh memory where the kernel chooses: no file, nothing that lies there already.
constexpr Rule::Argument kFreshMemory = {3, 0xffffffff & ~(MAP_NORESERVE | MAP_STACK),
                                         MAP_PRIVATE | MAP_ANONYMOUS};
// Memory that is writable is never executable.
constexpr uint64_t kNeitherReadNorWrite = ~uint64_t{PROT_READ | PROT_WRITE};

// What an allocator, a lock and the end of a thread or of the process take, in every thread.
constexpr Rule kEverywhere[] = {
    {SYS_brk, {}},
    {SYS_mmap, {Lacks(2, kNeitherReadNorWrite), kFreshMemory}},
    {SYS_mprotect, {Lacks(2, kNeitherReadNorWrite)}},
    {SYS_mremap, {Is(3, MREMAP_MAYMOVE)}},
    {SYS_munmap, {}},
    {SYS_madvise, {Is(2, MADV_DONTNEED)}},
    {SYS_futex, {Futex(FUTEX_WAIT)}},
    {SYS_futex, {Futex(FUTEX_WAKE)}},
    {SYS_futex, {Futex(FUTEX_WAIT_BITSET)}},
    {SYS_clock_gettime, {}},
    {SYS_restart_syscall, {}},
    {SYS_rt_sigprocmask, {}},
    {SYS_rt_sigreturn, {}},
    {SYS_write, {}},
    // last words: ours are written at once, libc's from pieces
    {SYS_writev, {Is(0, STDERR_FILENO)}},
    {SYS_getpid, {}},
    {SYS_gettid, {}},
    {SYS_rt_sigaction, {Is(0, SIGABRT)}},
    {SYS_exit, {}},
    {SYS_exit_group, {}},
};

constexpr Rule kLoop[] = {
    // moving frames
    {SYS_read, {}},
    {SYS_sendmsg, {Is(2, MSG_NOSIGNAL | MSG_DONTWAIT)}},
    {SYS_close, {}},
    // a new client
    {SYS_accept4, {Is(3, SOCK_CLOEXEC | SOCK_NONBLOCK)}},
    {SYS_getsockopt, {Is(1, SOL_SOCKET), Is(2, SO_PEERCRED)}},
    {SYS_setsockopt, {Is(1, SOL_SOCKET), Is(2, SO_SNDBUF)}},
    {SYS_setsockopt, {Is(1, SOL_SOCKET), Is(2, SO_RCVBUF)}},
    {SYS_ioctl, {Is(1, FIONBIO)}},
    // waiting: libuv from 1.45 on by the second
    {SYS_epoll_wait, {}},
    {SYS_epoll_pwait, {}},
    {SYS_epoll_ctl, {}},
    // the log, the exit record, a box's entropy
    {SYS_lseek, {Is(2, SEEK_SET)}},
    {SYS_pwrite64, {}},
    {SYS_getrandom, {Is(2, 0)}},
};

// QEMU's end.
constexpr Rule kChild[] = {
    {SYS_pidfd_send_signal, {Is(1, SIGKILL), jail::IsNull(2)}},
    {SYS_wait4, {Is(2, 0)}},
};

// libuv, where the loop meets a thread that rings its bell.
constexpr Rule kAmongThreads[] = {
    {SYS_sched_yield, {}},
};

// A device's interrupt, in whatever thread its work ends.
constexpr Rule kInterrupts[] = {
    {SYS_ioctl, {Is(1, KVM_SIGNAL_MSI)}},
};

constexpr Rule kVcpu[] = {
    {SYS_ioctl, {Is(1, KVM_RUN), jail::IsNull(2)}},
};

constexpr Rule kDisk[] = {
    {SYS_preadv2, {Is(5, 0)}},
    {SYS_pwritev2, {Is(5, 0)}},
    {SYS_pwritev2, {Is(5, RWF_DSYNC)}},
    {SYS_pwrite64, {}},
    {SYS_fdatasync, {}},
    {SYS_fallocate, {Is(1, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)}},
    {SYS_fallocate, {Is(1, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)}},
};

// To this process and no other.
Rule SignalOwn(int number) {
  return {SYS_tgkill,
          {Is(0, static_cast<uint64_t>(::getpid())), Is(2, static_cast<uint64_t>(number))}};
}

Rules Join(std::initializer_list<std::span<const Rule>> lists) {
  Rules all;
  for (std::span<const Rule> list : lists) all.insert(all.end(), list.begin(), list.end());
  return all;
}

}  // namespace

std::vector<Rule> RulesOf(Thread thread) {
  const Rule last_words[] = {SignalOwn(SIGABRT)};
  const Rule kick[] = {SignalOwn(kvm::KickSignal())};
  switch (thread) {
    case Thread::kQemuLoop:
      return Join({kEverywhere, last_words, kLoop, kChild});
    case Thread::kKvmLoop:
      return Join({kEverywhere, last_words, kLoop, kAmongThreads, kInterrupts, kick});
    case Thread::kVcpu:
      return Join({kEverywhere, last_words, kInterrupts, kVcpu});
    default:
      return Join({kEverywhere, last_words, kInterrupts, kDisk});
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
