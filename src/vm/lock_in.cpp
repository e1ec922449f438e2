#include "vm/lock_in.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/sys.h"
#include "jail/filter.h"
#include "proto/descriptors.h"

namespace boxlite::vm {
namespace {

using jail::Rule;

// Memory that is writable is never executable.
constexpr Rule::Argument kNotExecutable = {2, PROT_EXEC, 0};

// What boxlite-vm's one thread does once the machine runs. No open, no socket, no exec.
constexpr Rule kRules[] = {
    // moving frames
    {SYS_read, {}},
    {SYS_readv, {}},
    {SYS_write, {}},
    {SYS_writev, {}},
    {SYS_sendmsg, {}},
    {SYS_recvmsg, {}},
    {SYS_accept4, {}},
    {SYS_shutdown, {}},
    {SYS_getsockopt, {}},
    {SYS_setsockopt, {}},
    {SYS_close, {}},
    {SYS_ioctl, Rule::Argument{1, 0xffffffff, FIONBIO}},
    {SYS_fcntl, Rule::Argument{1, 0xffffffff, F_GETFL}},
    {SYS_fcntl, Rule::Argument{1, 0xffffffff, F_SETFL}},
    {SYS_fcntl, Rule::Argument{1, 0xffffffff, F_GETFD}},
    // the loop
    {SYS_epoll_wait, {}},
    {SYS_epoll_pwait, {}},
    {SYS_epoll_ctl, {}},
    {SYS_poll, {}},
    {SYS_restart_syscall, {}},
    {SYS_clock_gettime, {}},
    {SYS_futex, {}},
    // memory
    {SYS_brk, {}},
    {SYS_mmap, kNotExecutable},
    {SYS_mprotect, kNotExecutable},
    {SYS_mremap, {}},
    {SYS_munmap, {}},
    {SYS_madvise, {}},
    // the log and the exit record
    {SYS_lseek, {}},
    {SYS_pwrite64, {}},
    {SYS_ftruncate, {}},
    {SYS_newfstatat, Rule::Argument{3, AT_EMPTY_PATH, AT_EMPTY_PATH}},
    {SYS_fstat, {}},
    // QEMU's end and our own
    {SYS_pidfd_send_signal, {}},
    {SYS_wait4, {}},
    {SYS_getpid, {}},
    {SYS_gettid, {}},
    {SYS_tgkill, {}},
    {SYS_rt_sigaction, {}},
    {SYS_rt_sigprocmask, {}},
    {SYS_rt_sigreturn, {}},
    {SYS_getrandom, {}},
    {SYS_exit, {}},
    {SYS_exit_group, {}},
};

constexpr std::array<jail::Limit, 4> kLimits = {{
    {RLIMIT_CORE, 0},
    {RLIMIT_NOFILE, 256},
    {RLIMIT_MEMLOCK, 0},
    {RLIMIT_MSGQUEUE, 0},
}};

Result<void> Replace(int from, int to) {
  if (::dup2(from, to) < 0) return sys::ErrnoError("redirect a standard stream");
  return {};
}

}  // namespace

Result<void> TidyUp(char** environment) {
  jail::ClearEnvironment(environment);
  std::vector<int> keep = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO};
  for (int fd = proto::kControl; fd <= proto::kVmLog; ++fd) {
    if (sys::SetCloseOnExec(fd, true).ok()) keep.push_back(fd);
  }
  BOXLITE_TRY(jail::CloseDescriptorsExcept(keep));
  UniqueFd null = BOXLITE_TRY(sys::Open("/dev/null", O_RDWR));
  if (null.get() <= STDERR_FILENO) null = UniqueFd(BOXLITE_TRY(sys::Duplicate(null.Release())));
  BOXLITE_TRY(Replace(null.get(), STDIN_FILENO));
  BOXLITE_TRY(Replace(null.get(), STDOUT_FILENO));
  // Last words (a broken invariant, a forbidden system call) go where the kernel log goes.
  return Replace(keep.back() == proto::kVmLog ? proto::kVmLog : null.get(), STDERR_FILENO);
}

Result<void> LockIn(jail::Report& report, SystemCalls calls) {
  report.Add("boxlite-vm dumps", "off", jail::ForbidDumps());
  report.Add("boxlite-vm limits", "set", jail::LimitResources(kLimits));
  report.Add("boxlite-vm capabilities", "dropped", jail::DropCapabilities());
  BOXLITE_TRY(jail::NoNewPrivileges());
  report.Add("boxlite-vm no_new_privs: set");
  if (calls == SystemCalls::kFiltered) {
    report.Add("boxlite-vm system calls", "filtered", jail::LoadFilter(kRules));
  } else {
    report.Add("boxlite-vm system calls: not filtered; switched off by the box's options");
  }
  return {};
}

}  // namespace boxlite::vm
