#include "jail/spawn.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "base/clone.h"
#include "base/sys.h"
#include "jail/namespaces.h"

namespace boxlite::jail {
namespace {

constexpr int kWithoutUser = kHostsNamespaces | CLONE_NEWPID;
constexpr size_t kStackSize = 256 * 1024;
constexpr const char* kOldRoot = "/.host";
// Until it is made read-only, mount points can be made in it.
constexpr MemoryRoot kMemoryRoot = {0, "size=1m,nr_inodes=1k,mode=0755", kOldRoot + 1};

struct Plan {
  int flags = 0;  // CLONE_NEW*
  const char* name = nullptr;
};
constexpr Plan kPlans[] = {
    {CLONE_NEWUSER | kWithoutUser, "user, mount, pid, ipc, network, uts; empty root"},
    {kWithoutUser, "mount, pid, ipc, network, uts; empty root"},
    {0, nullptr},
};

enum class Step { kNone, kNamespaces, kRoot, kSetup, kExecute };

// A bind with everything that the child needs worked out before: the child allocates nothing.
struct Mount {
  enum class Kind { kDirectory, kFile, kLink } kind = Kind::kFile;
  std::string source;  // below kOldRoot; a link's text
  std::string target;
  std::vector<std::string> parents;
  bool device = false;
};

struct Job {
  const ChildSpec* spec = nullptr;
  Plan plan;
  std::vector<Mount> mounts;
  std::vector<char*> argv;
  UserMap user;
  std::vector<int> lifted;  // room for the child's copies of the descriptors
  int null_fd = -1;
  int life_read = -1;   // the parent's alone once the child has closed its copy …
  int life_write = -1;  // … so that an error state here says that the parent died
  sigset_t signals{};
  // The child's answer.
  Step failed = Step::kNone;
  int failed_errno = 0;
};

// ---------------------------------------------------------------- in the child

bool MakeReadOnly(const Mount& mount) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  if (!mount.device) attributes.attr_set |= MOUNT_ATTR_NODEV;
  if (mount.device) attributes.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  return ::syscall(SYS_mount_setattr, AT_FDCWD, mount.target.c_str(), AT_RECURSIVE, &attributes,
                   sizeof attributes) == 0;
}

bool Attach(const Mount& mount) {
  for (const std::string& parent : mount.parents) {
    if (::mkdir(parent.c_str(), 0755) < 0 && errno != EEXIST) return false;
  }
  const char* target = mount.target.c_str();
  if (mount.kind == Mount::Kind::kLink)
    return ::symlink(mount.source.c_str(), target) == 0 || errno == EEXIST;
  if (mount.kind == Mount::Kind::kDirectory) {
    if (::mkdir(target, 0755) < 0 && errno != EEXIST) return false;
  } else {
    int fd = ::open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (fd < 0) return false;
    ::close(fd);
  }
  return ::mount(mount.source.c_str(), target, nullptr, MS_BIND | MS_REC, nullptr) == 0 &&
         MakeReadOnly(mount);
}

bool BuildRoot(const Job& job) {
  if (!EnterMemoryRoot(kMemoryRoot) || ::chdir("/") < 0) return false;
  for (const Mount& mount : job.mounts) {
    if (!Attach(mount)) return false;
  }
  if (::umount2(kOldRoot, MNT_DETACH) < 0 || ::rmdir(kOldRoot) < 0) return false;
  // The root itself is empty and stays so.
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  return ::syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes) == 0;
}

bool PlaceDescriptors(Job& job) {
  const std::vector<int>& wanted = job.spec->descriptors;
  auto count = static_cast<int>(wanted.size());
  // Out of the way first: a source may have the number of another's target.
  for (int i = 0; i < count; ++i) {
    int source = wanted[static_cast<size_t>(i)];
    int copy = ::fcntl(source < 0 ? job.null_fd : source, F_DUPFD_CLOEXEC, count);
    if (copy < 0) return false;
    job.lifted[static_cast<size_t>(i)] = copy;
  }
  for (int i = 0; i < count; ++i) {
    if (::dup2(job.lifted[static_cast<size_t>(i)], i) < 0) return false;
  }
  return true;
}

bool ResetSignals(const sigset_t& none) {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  return ::pthread_sigmask(SIG_SETMASK, &none, nullptr) == 0;
}

// The parent may have died before the death signal was set; then nobody holds the pipe's other end.
bool ParentLives(const Job& job) {
  ::close(job.life_read);
  pollfd poll{job.life_write, 0, 0};
  return ::poll(&poll, 1, 0) == 0;
}

bool Confine(Job& job) {
  if (!LimitResources(job.spec->limits).ok()) return false;
  if (!DropCapabilities().ok() || !NoNewPrivileges().ok()) return false;
  sigset_t none;
  ::sigemptyset(&none);
  return ResetSignals(none) && ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && ParentLives(job);
}

int Fail(Job& job, Step step) {
  job.failed_errno = errno;
  job.failed = step;
  ::_exit(127);
}

int RunChild(void* argument) {
  Job& job = *static_cast<Job*>(argument);
  ::setsid();
  if ((job.plan.flags & CLONE_NEWUSER) != 0 && !MapUser(job.user))
    return Fail(job, Step::kNamespaces);
  if (job.plan.flags != 0 && !BuildRoot(job)) return Fail(job, Step::kRoot);
  if (!PlaceDescriptors(job)) return Fail(job, Step::kSetup);
  if (!Confine(job)) return Fail(job, Step::kSetup);
  char* const no_environment[] = {nullptr};
  auto first_unused = static_cast<unsigned>(job.spec->descriptors.size());
  if (::close_range(first_unused, ~0u, CLOSE_RANGE_CLOEXEC) < 0) return Fail(job, Step::kSetup);
  ::execve(job.spec->program.c_str(), job.argv.data(), no_environment);
  return Fail(job, Step::kExecute);
}

// ---------------------------------------------------------------- in the parent

std::vector<std::string> ParentsOf(const std::string& path) {
  std::vector<std::string> parents;
  for (size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1))
    parents.push_back(path.substr(0, at));
  return parents;
}

std::optional<Mount> Resolve(const Bind& bind) {
  auto info = sys::StatAt(AT_FDCWD, bind.path, AT_SYMLINK_NOFOLLOW);
  if (!info.ok()) return std::nullopt;
  Mount mount;
  mount.target = bind.target;
  mount.parents = ParentsOf(bind.target);
  mount.device = bind.access == Bind::Access::kDevice;
  mount.source = kOldRoot + bind.path;
  mode_t type = info.value().st_mode & S_IFMT;
  mount.kind = type == S_IFDIR ? Mount::Kind::kDirectory : Mount::Kind::kFile;
  if (type != S_IFLNK) return mount;
  char text[4096];
  ssize_t length = ::readlink(bind.path.c_str(), text, sizeof text);
  if (length <= 0 || length == static_cast<ssize_t>(sizeof text)) return std::nullopt;
  mount.kind = Mount::Kind::kLink;
  mount.source.assign(text, static_cast<size_t>(length));
  return mount;
}

void FillArguments(Job& job) {
  auto add = [&job](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) job.argv.push_back(const_cast<char*>(text.c_str()));
  };
  job.argv.clear();
  add(job.spec->argv);
  add(job.plan.flags != 0 ? job.spec->jailed_argv : job.spec->unjailed_argv);
  job.argv.push_back(nullptr);
}

struct Process {
  pid_t pid = -1;
  UniqueFd pidfd;
};

// An error where the clone itself or the child's preparation failed.
Result<Process> Attempt(Job& job, uint8_t* stack) {
  FillArguments(job);
  job.failed = Step::kNone;
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // No handler of ours may run in the child.
  int pidfd = -1;
  int flags = CLONE_PIDFD | SIGCHLD | job.plan.flags;
  int pid = sys::CloneSharing(RunChild, stack + kStackSize, flags, &job, &pidfd);
  int clone_errno = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) {
    job.failed = Step::kNamespaces;
    return sys::ErrnoError(job.plan.flags != 0 ? "namespaces" : "clone a process", clone_errno);
  }
  Process process{pid, UniqueFd(pidfd)};
  if (job.failed == Step::kNone) return process;
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  const char* what = job.failed == Step::kNamespaces ? "user namespace"
                     : job.failed == Step::kRoot     ? "empty root"
                     : job.failed == Step::kSetup    ? "prepare a child process"
                                                     : job.spec->program.c_str();
  return Error::FromErrno(sys::CodeFromErrno(job.failed_errno), what, job.failed_errno);
}

Child Finish(Process process, const Job& job, const std::vector<std::string>& refused) {
  Child child;
  child.pid = process.pid;
  child.pidfd = std::move(process.pidfd);
  std::string namespaces = "namespaces: ";
  namespaces += job.plan.name ? job.plan.name : "none";
  if (!job.spec->namespaces) namespaces += "; switched off by the box's options";
  for (const std::string& reason : refused) namespaces += "; refused by the host: " + reason;
  child.layers = {std::move(namespaces), "capabilities: dropped", "no_new_privs: set"};
  return child;
}

}  // namespace

Result<Child> Spawn(const ChildSpec& spec) {
  Job job;
  job.spec = &spec;
  for (const Bind& bind : spec.binds) {
    if (auto mount = Resolve(bind)) job.mounts.push_back(std::move(*mount));
  }
  job.user = UserMap::OfCaller();
  job.lifted.resize(spec.descriptors.size());
  UniqueFd null = BOXLITE_TRY(sys::Open("/dev/null", O_RDWR));
  auto life = BOXLITE_TRY(sys::Pipe());
  job.null_fd = null.get();
  job.life_read = life.first.get();
  job.life_write = life.second.get();
  auto stack = std::make_unique<uint8_t[]>(kStackSize);

  std::vector<std::string> refused;
  for (const Plan& plan : kPlans) {
    if (plan.flags != 0 && !spec.namespaces) continue;
    job.plan = plan;
    Result<Process> process = Attempt(job, stack.get());
    if (process.ok()) return Finish(process.TakeValue(), job, refused);
    if (plan.flags == 0) return process.TakeError();
    refused.push_back(process.error().message());
  }
  return Error(Code::kInternal, "no plan for a child process");
}

}  // namespace boxlite::jail
