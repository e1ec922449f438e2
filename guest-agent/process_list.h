// LIST_PROCESSES: what runs in the box, as /proc tells it; without the kernel's own threads and the
// agent.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "guest-agent/forked_operation.h"

namespace boxlite::agent {

Result<std::unique_ptr<Operation>> ListProcesses(Loop& loop, Reaper& reaper, Stream stream,
                                                 ByteSpan payload);

// What /proc/PID/stat says; processes name themselves, so a name may hold anything.
struct ProcessStat {
  std::string name;
  char state = '?';
  uint32_t ppid = 0;
  uint64_t flags = 0;
  uint64_t cpu_ticks = 0;
  uint64_t start_ticks = 0;
  uint64_t resident_pages = 0;
};
std::optional<ProcessStat> ParseProcessStat(std::string_view text);

}  // namespace boxlite::agent
