#include "guest-agent/cgroup.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>

#include "base/sys.h"

namespace boxlite::agent {
namespace {

constexpr size_t kMaxProcessList = 4 * 1024 * 1024;

}  // namespace

Result<Cgroup> Cgroup::Create(const std::string& name) {
  std::string path = std::string(kCgroupRoot) + "/" + name;
  BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, path, 0755));
  UniqueFd directory = BOXLITE_TRY(sys::Open(path, O_RDONLY | O_DIRECTORY));
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
