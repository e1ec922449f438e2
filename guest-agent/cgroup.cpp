#include "guest-agent/cgroup.h"

#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/sys.h"

namespace boxlite::agent {
namespace {

constexpr size_t kMaxProcessList = 4 * 1024 * 1024;
// Processes and threads that a box may have: each costs the kernel some 100 KiB.
constexpr uint64_t kProcessesPerMib = 2, kLeastProcesses = 256, kMostProcesses = 32768;
constexpr uint64_t kReservedShare = 8;  // one execution leaves an eighth to the others

uint64_t SuggestedProcesses() {
  struct sysinfo info {};
  if (::sysinfo(&info) < 0) return kLeastProcesses;
  uint64_t mib = uint64_t{info.totalram} * info.mem_unit >> 20;
  return std::clamp(mib * kProcessesPerMib, kLeastProcesses, kMostProcesses);
}

// What PrepareCgroups has set.
Result<uint64_t> BoxProcesses() {
  std::string path = std::string(kCgroupRoot) + "/pids.max";
  std::string text = BOXLITE_TRY(sys::ReadFileAt(AT_FDCWD, path, 64));
  uint64_t most = kMostProcesses;  // root in the box has lifted it
  std::from_chars(text.data(), text.data() + text.size(), most);
  return most;
}

Result<void> WriteTo(const std::string& path, const std::string& text) {
  UniqueFd file = BOXLITE_TRY(sys::Open(path, O_WRONLY));
  Result<void> written = sys::WriteAll(file.get(), AsBytes(text));
  return written.ok() ? std::move(written) : written.TakeError().Context(path);
}

}  // namespace

Result<void> PrepareCgroups(uint64_t max_processes) {
  const std::string root = kCgroupRoot;
  BOXLITE_TRY(WriteTo(std::string(kCgroupTop) + "/cgroup.subtree_control", "+pids +cpu"));
  BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, root, 0755));
  BOXLITE_TRY(WriteTo(root + "/cgroup.subtree_control", "+pids +cpu"));
  uint64_t most = max_processes != 0 ? max_processes : SuggestedProcesses();
  return WriteTo(root + "/pids.max", std::to_string(most));
}

Result<Cgroup> Cgroup::Create(const std::string& name) {
  std::string path = std::string(kCgroupRoot) + "/" + name;
  BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, path, 0755));
  UniqueFd directory = BOXLITE_TRY(sys::Open(path, O_RDONLY | O_DIRECTORY));
  uint64_t most = BOXLITE_TRY(BoxProcesses());
  BOXLITE_TRY(WriteTo(path + "/pids.max", std::to_string(most - most / kReservedShare)));
  return Cgroup(std::move(path), std::move(directory));
}

Result<void> Cgroup::KillAll() const {
  UniqueFd kill = BOXLITE_TRY(sys::OpenAt(fd(), "cgroup.kill", O_WRONLY));
  return sys::WriteAll(kill.get(), AsBytes("1"));
}

Result<void> Cgroup::SignalAll(int number) const {
  std::string list = BOXLITE_TRY(sys::ReadFileAt(fd(), "cgroup.procs", kMaxProcessList));
  const char* at = list.data();
  const char* end = at + list.size();
  while (at < end) {
    pid_t pid = 0;
    auto parsed = std::from_chars(at, end, pid);
    // 0 is a process that this PID namespace cannot name; kill would take it for our own group.
    if (parsed.ec == std::errc() && pid > 1) ::kill(pid, number);
    at = parsed.ptr + 1;
  }
  return {};
}

void CgroupRemover::Remove(Cgroup cgroup) {
  if (::rmdir(cgroup.path().c_str()) == 0) return;
  auto events = sys::OpenAt(cgroup.fd(), "cgroup.events", O_RDONLY);
  if (!events.ok()) return;
  Lingering& lingering = lingering_[cgroup.path()];
  lingering.path = cgroup.path();
  lingering.events = events.TakeValue();
  lingering.watch =
      std::make_unique<Watch>(loop_, [this, &lingering](uint32_t) { Try(lingering); });
  if (!lingering.watch->Want(lingering.events.get(), EPOLLPRI).ok()) lingering.gone = true;
  Try(lingering);
}

void CgroupRemover::Try(Lingering& lingering) {
  char text[256];
  // Reading is what arms the next notification.
  if (::pread(lingering.events.get(), text, sizeof text, 0) < 0 ||
      ::rmdir(lingering.path.c_str()) == 0 || errno == ENOENT) {
    lingering.watch->Stop();
    lingering.gone = true;
  }
}

void CgroupRemover::CollectGarbage() {
  std::erase_if(lingering_, [](const auto& entry) { return entry.second.gone; });
}

}  // namespace boxlite::agent
