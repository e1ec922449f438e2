#include "image/lock_in.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <iterator>
#include <vector>

#include "image/limits.h"
#include "jail/filter.h"
#include "jail/jail.h"

namespace boxlite::image {
namespace {

constexpr rlim_t kMaxMemory = 4 * kGib;  // address space; far above what any job needs
constexpr rlim_t kMaxDescriptors = 256;

constexpr jail::Limit kLimits[] = {
    {RLIMIT_AS, kMaxMemory},
    {RLIMIT_NOFILE, kMaxDescriptors},
    {RLIMIT_CORE, 0},
};

// Memory, threads, clocks, and files that are open or below the staging directory.
constexpr int kCommonCalls[] = {
    SYS_read,
    SYS_write,
    SYS_pread64,
    SYS_pwrite64,
    SYS_readv,
    SYS_writev,
    SYS_close,
    SYS_lseek,
    SYS_fstat,
    SYS_newfstatat,
    SYS_statx,
    SYS_stat,
    SYS_lstat,
    SYS_ftruncate,
    SYS_fallocate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_openat,
    SYS_open,
    SYS_mkdirat,
    SYS_renameat,
    SYS_renameat2,
    SYS_unlinkat,
    SYS_getdents64,
    SYS_fcntl,
    SYS_dup,
    SYS_poll,
    SYS_ppoll,
    SYS_eventfd2,
    SYS_pipe2,
    SYS_recvfrom,
    SYS_sendto,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_accept4,
    SYS_ioctl,
    SYS_fstatfs,
    SYS_fadvise64,
    SYS_mmap,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_brk,
    SYS_clone,
    SYS_clone3,
    SYS_futex,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_exit,
    SYS_exit_group,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_gettid,
    SYS_getpid,
    SYS_tgkill,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_getrusage,
    SYS_prlimit64,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_restart_syscall,
    SYS_uname,
    SYS_sysinfo,
    SYS_access,
    SYS_prctl,
    SYS_getcwd,
    SYS_readlink,
};

// Name service and TCP.
constexpr int kNetworkCalls[] = {
    SYS_socket,     SYS_connect,       SYS_bind,       SYS_getsockname, SYS_getpeername,
    SYS_setsockopt, SYS_getsockopt,    SYS_socketpair, SYS_shutdown,    SYS_sendmmsg,
    SYS_recvmmsg,   SYS_epoll_create1, SYS_epoll_ctl,  SYS_epoll_wait,  SYS_pipe,
};

}  // namespace

Result<void> LockIn(const JobRequest& request) {
  BOXLITE_TRY(jail::NoNewPrivileges());
  BOXLITE_TRY(jail::DropCapabilities());
  BOXLITE_TRY(jail::LimitResources(kLimits));
  BOXLITE_TRY(jail::ForbidDumps());
  std::vector<jail::Rule> rules;
  for (int call : kCommonCalls) rules.push_back({call, {}});
  if (std::holds_alternative<proto::Fetch>(request))
    for (int call : kNetworkCalls) rules.push_back({call, {}});
  return jail::LoadFilter(rules);
}

}  // namespace boxlite::image
