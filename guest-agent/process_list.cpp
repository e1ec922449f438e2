#include "guest-agent/process_list.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <ctime>

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_files.h"
#include "guest-agent/record_output.h"
#include "guest-agent/users.h"

namespace boxlite::agent {
namespace {

constexpr uint64_t kKernelThread = 0x00200000;
constexpr size_t kMaxStat = 4096;

uint64_t UptimeMs() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1'000'000;
}

// The beginning of it; nothing of an ended process or a kernel's thread.
std::vector<std::string> ReadArguments(int process) {
  std::vector<std::string> argv;
  auto file = sys::OpenAt(process, "cmdline", O_RDONLY);
  if (!file.ok()) return argv;
  char text[proto::kMaxArgumentBytes];
  auto size = sys::Read(file.value().get(), text, sizeof text);
  if (!size.ok()) return argv;
  std::string_view rest(text, size.value());
  while (!rest.empty() && argv.size() < proto::kMaxProcessArguments) {
    std::string_view argument = rest.substr(0, rest.find('\0'));
    argv.emplace_back(argument);
    rest.remove_prefix(std::min(argument.size() + 1, rest.size()));
  }
  return argv;
}

// Nothing of a process that has gone meanwhile.
std::optional<proto::ProcessInfo> Describe(int proc, const std::string& name,
                                           std::string_view passwd) {
  auto process = sys::OpenAt(proc, name, O_RDONLY | O_DIRECTORY);
  if (!process.ok()) return std::nullopt;
  auto text = sys::ReadFileAt(process.value().get(), "stat", kMaxStat);
  auto owner = sys::Stat(process.value().get());
  if (!text.ok() || !owner.ok()) return std::nullopt;
  auto stat = ParseProcessStat(text.value());
  if (!stat || (stat->flags & kKernelThread) != 0) return std::nullopt;
  const auto ticks = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  proto::ProcessInfo info;
  std::from_chars(name.data(), name.data() + name.size(), info.pid);
  info.ppid = stat->ppid;
  info.uid = owner.value().st_uid;
  info.user = NameOfUser(info.uid, passwd);
  info.state = static_cast<uint8_t>(stat->state);
  info.cpu_ms = stat->cpu_ticks * 1000 / ticks;
  info.memory_bytes = stat->resident_pages * page;
  info.started_ms =
      static_cast<uint64_t>(RealtimeMs()) - UptimeMs() + stat->start_ticks * 1000 / ticks;
  info.argv = ReadArguments(process.value().get());
  if (info.argv.empty()) info.argv.push_back("[" + stat->name + "]");
  return info;
}

Result<void> List() {
  UniqueFd proc = BOXLITE_TRY(sys::Open("/proc", O_RDONLY | O_DIRECTORY));
  auto names = BOXLITE_TRY(sys::ListDir(proc.get()));
  std::string passwd = ReadPasswd(), self = std::to_string(::getpid());
  RecordOutput out;
  for (const std::string& name : names) {
    if (name[0] < '1' || name[0] > '9' || name == "1" || name == self) continue;
    auto info = Describe(proc.get(), name, passwd);
    if (info) BOXLITE_TRY(out.Add(std::move(*info)));
  }
  return out.Flush();
}

}  // namespace

Result<std::unique_ptr<Operation>> ListProcesses(Loop& loop, Reaper& reaper, Stream stream,
                                                 ByteSpan payload) {
  auto request = BOXLITE_TRY(proto::Decode<proto::ListProcesses>(payload));
  return ForkedOperation::Create(loop, reaper, stream, "list the processes",
                                 {ForkedOperation::Input::kNone, request.window},
                                 [] { return List(); });
}

}  // namespace boxlite::agent
