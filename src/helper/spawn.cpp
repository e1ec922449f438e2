#include "helper/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "base/clone.h"
#include "base/sys.h"

namespace boxlite::helper {
namespace {

constexpr size_t kStackSize = 64 * 1024;
// Descriptors are first moved above every number that the program wants, so that no dup2 overwrites
// one that is still to be moved.
constexpr int kScratchDescriptor = 64;

// What both clones work on. It lies in the caller's memory, which they share.
struct Job {
  const char* program = nullptr;
  char* const* argv = nullptr;
  DescriptorMapping* mappings = nullptr;  // sorted by `to`
  size_t mapping_count = 0;
  std::byte* program_stack = nullptr;  // its upper end
  pid_t pid = 0;
  int pidfd = -1;
  int failed_errno = 0;
  const char* failed_step = nullptr;
};

// From here to the end of ProgramMain and MiddleMain: only raw system calls. These functions run
// while another thread of the user's process may hold any lock, and they share its memory, and with
// it what a sanitizer or a preloaded library notes about descriptors and signals.

bool Failed(Job* job, const char* step) {
  job->failed_errno = errno;
  job->failed_step = step;
  return false;
}

bool CloseRange(unsigned first, unsigned last) {
  if (first > last || ::syscall(SYS_close_range, first, last, 0) == 0) return true;
  if (errno != ENOSYS && errno != EPERM) return false;  // Some sandboxes refuse what they are too
  rlimit limit{};                                       // old to know.
  if (::syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit) != 0) return false;
  auto end = static_cast<unsigned>(std::min<rlim_t>(limit.rlim_cur, 1 << 20));
  for (unsigned fd = first; fd <= last && fd < end; ++fd) ::syscall(SYS_close, fd);
  return true;
}

bool ArrangeDescriptors(Job* job) {
  for (size_t i = 0; i < job->mapping_count; ++i) {
    long moved = ::syscall(SYS_fcntl, job->mappings[i].from, F_DUPFD_CLOEXEC, kScratchDescriptor);
    if (moved < 0) return Failed(job, "duplicate a descriptor");
    job->mappings[i].from = static_cast<int>(moved);
  }
  unsigned next = 0;
  for (size_t i = 0; i < job->mapping_count; ++i) {
    auto to = static_cast<unsigned>(job->mappings[i].to);
    if (to > next && !CloseRange(next, to - 1)) return Failed(job, "close descriptors");
    if (::syscall(SYS_dup3, job->mappings[i].from, job->mappings[i].to, 0) < 0)
      return Failed(job, "place a descriptor");
    next = to + 1;
  }
  if (!CloseRange(next, ~0U)) return Failed(job, "close descriptors");
  return true;
}

// As the kernel has it (uapi asm/signal.h).
struct KernelSigaction {
  void* handler = nullptr;  // SIG_DFL
  unsigned long flags = 0;
  void* restorer = nullptr;
  uint64_t mask = 0;
};

void ResetSignals() {
  KernelSigaction standard;
  for (int number = 1; number < NSIG; ++number)
    ::syscall(SYS_rt_sigaction, number, &standard, nullptr, sizeof standard.mask);
  uint64_t none = 0;
  ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
}

int ProgramMain(void* argument) {
  auto* job = static_cast<Job*>(argument);
  ::syscall(SYS_setsid);
  // The program must not keep the user's directory from being unmounted.
  if (::syscall(SYS_chdir, "/") != 0) Failed(job, "enter the root directory");
  if (job->failed_errno == 0 && ArrangeDescriptors(job)) {
    ResetSignals();
    char* const environment[] = {nullptr};
    ::syscall(SYS_execve, job->program, job->argv, environment);
    Failed(job, "execute");
  }
  ::syscall(SYS_exit_group, 127);
  return 127;
}

int MiddleMain(void* argument) {
  auto* job = static_cast<Job*>(argument);
  // No CLONE_FILES: the program's table is a copy of its own. The pidfd lands in ours, which is the
  // caller's.
  int pid =
      sys::CloneSharing(ProgramMain, job->program_stack, CLONE_PIDFD | SIGCHLD, job, &job->pidfd);
  if (pid < 0) {
    Failed(job, "clone");
  } else {
    job->pid = pid;
    if (job->failed_errno != 0) ::syscall(SYS_wait4, pid, nullptr, __WALL, nullptr);
  }
  ::syscall(SYS_exit_group, 0);
  return 0;
}

// Blocks every signal, glibc's own included, so that no handler of the user's runs on the clones'
// stacks.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    uint64_t all = ~uint64_t{0};
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before_, sizeof all);
  }
  ~SignalsBlocked() {
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  uint64_t before_ = 0;
};

Result<void> RunClones(Job& job) {
  std::vector<std::byte> stacks(2 * kStackSize);
  auto top = [&](size_t end) {
    auto address = reinterpret_cast<uintptr_t>(stacks.data() + end);
    return stacks.data() + end - address % 16;
  };
  job.program_stack = top(kStackSize);
  SignalsBlocked blocked;
  // CLONE_FILES, so that the pidfd which the middle process makes is ours.
  int middle = sys::CloneSharing(MiddleMain, top(2 * kStackSize), CLONE_FILES, &job);
  if (middle < 0) return sys::ErrnoError("clone a process");
  // ECHILD: the user waits with __WALL on another thread and was first.
  while (::waitpid(middle, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  return {};
}

constexpr int kKillMs = 5000;  // longer only where a disk does not answer

void SendKill(const Spawned& spawned) {
  ::syscall(SYS_pidfd_send_signal, spawned.pidfd.get(), SIGKILL, nullptr, 0);
}

bool ReapIfOurs(int pidfd) {
  siginfo_t info{};
  return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG | __WALL) == 0;
}

}  // namespace

Result<Spawned> Spawn(const SpawnOptions& options) {
  UniqueFd null = BOXLITE_TRY(sys::Open("/dev/null", O_RDWR));
  std::vector<DescriptorMapping> mappings = options.descriptors;
  for (int number = 0; number <= 2; ++number) {
    bool named = std::any_of(mappings.begin(), mappings.end(),
                             [&](const DescriptorMapping& m) { return m.to == number; });
    if (!named) mappings.push_back({null.get(), number});
  }
  std::sort(mappings.begin(), mappings.end(),
            [](const auto& a, const auto& b) { return a.to < b.to; });
  std::vector<char*> argv;
  for (const std::string& argument : options.argv)
    argv.push_back(const_cast<char*>(argument.c_str()));  // execve does not write to it.
  argv.push_back(nullptr);

  Job job;
  job.program = options.program.c_str();
  job.argv = argv.data();
  job.mappings = mappings.data();
  job.mapping_count = mappings.size();
  BOXLITE_TRY(RunClones(job));
  Spawned spawned{job.pid, UniqueFd(job.pidfd)};
  if (job.failed_errno == 0) return spawned;
  Error failed =
      sys::ErrnoError("start " + options.program + ": " + job.failed_step, job.failed_errno);
  if (job.failed_errno == ENOENT || job.failed_errno == EACCES)
    return std::move(failed)
        .WithCode(Code::kConfig)
        .WithHint(
            "Install boxlite as a whole, or set BOXLITE_RUNTIME_DIR to the prefix that holds it.");
  return std::move(failed).WithCode(Code::kEngine);
}

Process::Process(Spawned spawned, std::function<void()> ended)
    : spawned_(std::move(spawned)), ended_(std::move(ended)) {}

Process::~Process() {
  ReapIfOurs(spawned_.pidfd.get());
}

Result<std::unique_ptr<Process>> Process::Watch(loop::Loop& loop, Spawned spawned,
                                                std::function<void()> ended) {
  std::unique_ptr<Process> process(new Process(std::move(spawned), std::move(ended)));
  process->poll_ = BOXLITE_TRY(
      loop::FdPoll::Create(loop, process->spawned_.pidfd.get(),
                           [self = process.get()](loop::Interest) { self->OnEnded(); }));
  process->poll_->Wait({.readable = true});
  return process;
}

void Process::OnEnded() {
  poll_.reset();
  ReapIfOurs(spawned_.pidfd.get());
  std::function<void()> ended = std::move(ended_);  // It may destroy us.
  ended();
}

void Process::Kill() {
  SendKill(spawned_);
}

void Kill(const Spawned& spawned) {
  SendKill(spawned);
  static_cast<void>(WaitForEnd(spawned, kKillMs));
}

bool WaitForEnd(const Spawned& spawned, int timeout_ms) {
  pollfd wait{spawned.pidfd.get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&wait, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return false;
  ReapIfOurs(spawned.pidfd.get());
  return true;
}

}  // namespace boxlite::helper
