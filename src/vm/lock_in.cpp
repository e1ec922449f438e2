#include "vm/lock_in.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "base/sys.h"
#include "jail/empty_root.h"
#include "jail/filter.h"
#include "jail/landlock.h"
#include "proto/descriptors.h"

namespace boxlite::vm {
namespace {

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

void UseOneHeap() {
  // Only a sanitizer's allocator says no, and it has no such heaps.
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet
  static_cast<void>(::mallopt(M_ARENA_MAX, 1));
}

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

Result<void> GiveUpPrivileges(jail::Report& report, Namespaces namespaces) {
  if (namespaces == Namespaces::kHosts) {
    report.Add("boxlite-vm namespaces: the host's; switched off by the box's options");
  } else {
    auto root = jail::EnterEmptyRoot();
    const char* own = root.ok() && root.value() == jail::RootKind::kOwnUser
                          ? "user, mount, ipc, network, uts; empty root"
                          : "mount, ipc, network, uts; empty root";
    report.Add("boxlite-vm namespaces", own, root.ok() ? Result<void>() : root.TakeError());
  }
  report.Add("boxlite-vm dumps", "off", jail::ForbidDumps());
  report.Add("boxlite-vm limits", "set", jail::LimitResources(kLimits));
  report.Add("boxlite-vm capabilities", "dropped", jail::DropCapabilities());
  BOXLITE_TRY(jail::NoNewPrivileges());
  report.Add("boxlite-vm no_new_privs: set");
  auto files = jail::RestrictFiles({});
  bool there = files.ok() && files.value();
  report.Add("boxlite-vm files",
             there ? "none can be opened (Landlock)" : "this kernel has no Landlock",
             files.ok() ? Result<void>() : files.TakeError());
  return {};
}

Result<ThreadFilters> ThreadFilters::Make(std::span<const Thread> threads, SystemCalls calls) {
  ThreadFilters made;
  if (calls == SystemCalls::kUnfiltered) {
    made.without_ = "switched off by the box's options";
  } else if (!jail::FiltersAreAvailable()) {
    made.without_ = "this kernel has no filters";
  } else {
    for (Thread thread : threads)
      made.filters_.emplace(thread, BOXLITE_TRY(jail::Filter::Compile(RulesOf(thread))));
  }
  return made;
}

void ThreadFilters::LockThreadIn(Thread thread) const {
  if (filters_.empty()) return;
  Result<void> loaded = filters_.at(thread).Load(NameOf(thread));
  if (loaded.ok()) return;
  std::fprintf(stderr, "boxlite-vm: thread %s: %s\n", NameOf(thread),
               loaded.error().message().c_str());
  ::_exit(1);
}

Result<void> ThreadFilters::LockIn(jail::Report& report, Thread thread) const {
  if (filters_.empty()) {
    report.Add("boxlite-vm system calls: not filtered; " + without_);
    return {};
  }
  BOXLITE_TRY(filters_.at(thread).Load(NameOf(thread)));
  report.Add("boxlite-vm system calls: filtered");
  return {};
}

}  // namespace boxlite::vm
