#include "image/lock_in.h"

#include <sys/resource.h>
#include <sys/syscall.h>

#include <iterator>
#include <vector>

#include "base/sys.h"
#include "image/convert_lock_in.h"
#include "image/fetch_lock_in.h"
#include "image/limits.h"
#include "jail/filter.h"
#include "jail/jail.h"
#include "jail/landlock.h"

namespace boxlite::image {
namespace {

constexpr rlim_t kMaxMemory = 4 * kGib;  // address space; far above what any job needs
constexpr rlim_t kMaxDescriptors = 256;

constexpr jail::Limit kLimits[] = {
    {RLIMIT_AS, kMaxMemory},
    {RLIMIT_NOFILE, kMaxDescriptors},
    {RLIMIT_CORE, 0},
};

// Of IMPORT, LOAD, SAVE and BLANK: memory, threads, clocks, and files that are open or below the
// staging directory.
constexpr int kArchiveCalls[] = {
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

// IMPORT, LOAD and SAVE: the store's blobs, the staging directory, and a layout that is one.
Result<void> RestrictArchiveFiles(const Descriptors& descriptors) {
  std::vector<jail::FileRule> rules;
  if (descriptors.blobs >= 0) rules.push_back({{}, descriptors.blobs, jail::FileAccess::kRead});
  if (descriptors.staging >= 0)
    rules.push_back({{}, descriptors.staging, jail::FileAccess::kWrite});
  Result<struct stat> source = sys::Stat(descriptors.source);
  if (source.ok() && S_ISDIR(source.value().st_mode))
    rules.push_back({{}, descriptors.source, jail::FileAccess::kRead});
  BOXLITE_TRY(jail::RestrictFiles(rules));
  return {};
}

}  // namespace

Result<void> LockIn(const JobRequest& request, const Descriptors& descriptors) {
  bool fetch = std::holds_alternative<proto::Fetch>(request);
  BOXLITE_TRY(jail::NoNewPrivileges());
  BOXLITE_TRY(jail::DropCapabilities());
  BOXLITE_TRY(jail::ForbidDumps());
  if (fetch) {
    BOXLITE_TRY(jail::LimitResources(FetchResourceLimits()));
    BOXLITE_TRY(RestrictFetchFiles(descriptors));
    return jail::LoadFilter(FetchRules(), FetchUnknownCalls());
  }
  if (std::holds_alternative<proto::Convert>(request)) {
    BOXLITE_TRY(jail::LimitResources(ConvertResourceLimits()));
    BOXLITE_TRY(jail::RestrictFiles({}));
    return jail::LoadFilter(ConvertRules(), ConvertUnknownCalls());
  }
  BOXLITE_TRY(jail::LimitResources(kLimits));
  // A blank disk is made from nothing of a stranger's, and libext2fs looks into /proc/mounts.
  if (!std::holds_alternative<proto::Blank>(request))
    BOXLITE_TRY(RestrictArchiveFiles(descriptors));
  std::vector<jail::Rule> rules;
  for (int call : kArchiveCalls) rules.push_back({call, {}});
  return jail::LoadFilter(rules);
}

}  // namespace boxlite::image
