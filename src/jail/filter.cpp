#include "jail/filter.h"

#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <tuple>

#include "base/sys.h"

namespace boxlite::jail {
namespace {

#ifdef BOXLITE_SANITIZED
// What the sanitizers' own code calls, to work and to report.
constexpr Rule kAlways[] = {
    {SYS_sigaltstack, {}}, {SYS_sched_yield, {}}, {SYS_mmap, {}},    {SYS_munmap, {}},
    {SYS_futex, {}},       {SYS_openat, {}},      {SYS_read, {}},    {SYS_close, {}},
    {SYS_readlink, {}},    {SYS_write, {}},       {SYS_getpid, {}},  {SYS_gettid, {}},
    {SYS_pipe2, {}},       {SYS_prctl, {}},       {SYS_madvise, {}}, {SYS_exit_group, {}},
};
#else
constexpr std::span<const Rule> kAlways;
#endif

const char*& ThreadName() {
  // Not by a call into the dynamic linker, which a signal's handler had better not make.
  static thread_local const char* name __attribute__((tls_model("initial-exec"))) = "";
  return name;
}

void OnViolation(int, siginfo_t* info, void*) {
  char text[128];
  int length = std::snprintf(text, sizeof text,
                             "boxlite: system call %d is not allowed in thread %.32s; ending\n",
                             info->si_syscall, ThreadName());
  if (length > 0) {
    [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, text, static_cast<size_t>(length));
  }
  ::_exit(128 + SIGSYS);
}

Result<void> InstallHandler() {
  struct sigaction action {};
  action.sa_sigaction = OnViolation;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) < 0) return sys::ErrnoError("catch SIGSYS");
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGSYS);
  if (::pthread_sigmask(SIG_UNBLOCK, &set, nullptr) != 0) return sys::ErrnoError("unblock SIGSYS");
  return {};
}

Result<void> Check(int result, const char* what) {
  if (result < 0) return Error::FromErrno(Code::kInternal, what, -result);
  return {};
}

Result<void> Add(scmp_filter_ctx filter, std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    std::array<scmp_arg_cmp, std::tuple_size_v<decltype(Rule::arguments)>> compared{};
    unsigned count = 0;
    for (const Rule::Argument& argument : rule.arguments) {
      if (argument.mask == 0) continue;
      compared[count++] = {argument.index, SCMP_CMP_MASKED_EQ, argument.mask, argument.value};
    }
    BOXLITE_TRY(
        Check(seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule.call, count, compared.data()),
              "add to the system-call filter"));
  }
  return {};
}

}  // namespace

Result<Filter> Filter::Compile(std::span<const Rule> rules, std::span<const int> unknown) {
  std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_TRAP),
                                                          seccomp_release);
  if (!filter) return Error(Code::kInternal, "create a system-call filter");
  // A list sorted for the machine is searched in a tree; relaying makes many calls.
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  BOXLITE_TRY(Add(filter.get(), kAlways));
  BOXLITE_TRY(Add(filter.get(), rules));
  for (int call : unknown)
    BOXLITE_TRY(Check(seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), call, 0),
                      "add to the system-call filter"));
  // The library writes its program to a file and to nothing else.
  UniqueFd file = BOXLITE_TRY(sys::MemoryFile("filter", {}));
  BOXLITE_TRY(Check(seccomp_export_bpf(filter.get(), file.get()), "make a system-call filter"));
  auto size = static_cast<size_t>(BOXLITE_TRY(sys::Stat(file.get())).st_size);
  std::vector<sock_filter> program(size / sizeof(sock_filter));
  BOXLITE_TRY(sys::ReadAt(file.get(), program.data(), size, 0));
  return Filter(std::move(program));
}

Result<void> Filter::Load(const char* thread) const {
  ThreadName() = thread;
  BOXLITE_TRY(InstallHandler());
  // The kernel reads it only.
  sock_fprog program{static_cast<uint16_t>(program_.size()),
                     const_cast<sock_filter*>(program_.data())};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
    return sys::ErrnoError("load the system-call filter");
  return {};
}

bool FiltersAreAvailable() {
  uint32_t action = SECCOMP_RET_TRAP;
  return ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

Result<void> LoadFilter(std::span<const Rule> rules, std::span<const int> unknown,
                        const char* thread) {
  Filter filter = BOXLITE_TRY(Filter::Compile(rules, unknown));
  return filter.Load(thread);
}

}  // namespace boxlite::jail
