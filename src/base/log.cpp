#include "base/log.h"

#include <array>

namespace boxlite {
namespace {

constexpr std::array<const char*, 6> kNames = {"off", "error", "warn", "info", "debug", "trace"};

}  // namespace

LogLevel LogLevelFromName(std::string_view name, LogLevel fallback) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<LogLevel>(i);
  }
  return fallback;
}

const char* LogLevelName(LogLevel level) {
  auto index = static_cast<size_t>(level);
  return index < kNames.size() ? kNames[index] : "unknown";
}

}  // namespace boxlite
