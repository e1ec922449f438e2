#include <charconv>

#include "guest-agent/process_list.h"

namespace boxlite::agent {
namespace {

// Fields after the name, from 0; proc(5) counts from 3.
constexpr size_t kState = 0, kParent = 1, kFlags = 6, kUserTime = 11, kSystemTime = 12;
constexpr size_t kStart = 19, kResident = 21, kFieldCount = 22;

uint64_t Number(std::string_view text) {
  uint64_t number = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() ? number : 0;
}

}  // namespace

std::optional<ProcessStat> ParseProcessStat(std::string_view text) {
  size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  ProcessStat stat;
  stat.name = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 1);
  std::string_view fields[kFieldCount];
  for (std::string_view& field : fields) {
    if (rest.empty() || rest.front() != ' ') return {};
    rest.remove_prefix(1);
    field = rest.substr(0, rest.find_first_of(" \n"));
    rest.remove_prefix(field.size());
  }
  if (fields[kState].size() != 1) return {};
  stat.state = fields[kState][0];
  stat.ppid = static_cast<uint32_t>(Number(fields[kParent]));
  stat.flags = Number(fields[kFlags]);
  stat.cpu_ticks = Number(fields[kUserTime]) + Number(fields[kSystemTime]);
  stat.start_ticks = Number(fields[kStart]);
  stat.resident_pages = Number(fields[kResident]);
  return stat;
}

}  // namespace boxlite::agent
