#include "store/process.h"

#include <string>

#include "base/sys.h"

namespace boxlite::store {
namespace {

// /proc/<pid>/stat: "pid (name) state ppid …", the name may hold anything; start time is field 22.
constexpr int kFieldsFromStateToStart = 19;

struct Stat {
  char state = 0;
  uint64_t start_time = 0;
};

Result<Stat> ReadStat(int64_t pid) {
  std::string path = "/proc/" + std::to_string(pid) + "/stat";
  std::string text = BOXLITE_TRY(sys::ReadFileAt(AT_FDCWD, path, 4096));
  size_t at = text.rfind(") ");
  if (at == std::string::npos || at + 2 >= text.size())
    return Error(Code::kInternal, path + " has an unknown format");
  at += 2;
  Stat stat;
  stat.state = text[at];
  for (int field = 0; field < kFieldsFromStateToStart && at != std::string::npos; ++field)
    at = text.find(' ', at + 1);
  if (at == std::string::npos) return Error(Code::kInternal, path + " has an unknown format");
  for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at)
    stat.start_time = stat.start_time * 10 + static_cast<uint64_t>(text[at] - '0');
  return stat;
}

Result<std::string> BootId() {
  std::string id = BOXLITE_TRY(sys::ReadFileAt(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 4096));
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

}  // namespace

Result<ProcessIdentity> IdentifyProcess(int64_t pid) {
  Stat stat = BOXLITE_TRY(ReadStat(pid));
  ProcessIdentity identity;
  identity.pid = pid;
  identity.start_time = stat.start_time;
  identity.boot_id = BOXLITE_TRY(BootId());
  return identity;
}

bool IsAlive(const ProcessIdentity& process) {
  if (process.pid <= 0) return false;
  Result<std::string> boot = BootId();
  Result<Stat> stat = ReadStat(process.pid);
  return boot.ok() && stat.ok() && boot.value() == process.boot_id &&
         stat.value().start_time == process.start_time && stat.value().state != 'Z';
}

}  // namespace boxlite::store
