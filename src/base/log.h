// Log: lines with a level, handed to a sink that the owner of the Log supplies. Passed by
// reference, never global. Thread rule: any thread may write; the sink must allow that.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace boxlite {

// The numbers of boxlite_log_level.
enum class LogLevel : int32_t {
  kOff = 0,
  kError = 1,
  kWarn = 2,
  kInfo = 3,
  kDebug = 4,
  kTrace = 5
};

// The level named by `name` ("off" … "trace"), or `fallback`.
LogLevel LogLevelFromName(std::string_view name, LogLevel fallback);
const char* LogLevelName(LogLevel level);

class Log {
 public:
  using Sink = std::function<void(LogLevel, std::string_view)>;

  Log() = default;
  Log(LogLevel level, Sink sink) : level_(level), sink_(std::move(sink)) {}

  bool Enabled(LogLevel level) const { return sink_ && level <= level_; }
  void Write(LogLevel level, std::string_view line) const {
    if (Enabled(level)) sink_(level, line);
  }
  void Errors(std::string_view line) const { Write(LogLevel::kError, line); }
  void Warn(std::string_view line) const { Write(LogLevel::kWarn, line); }
  void Info(std::string_view line) const { Write(LogLevel::kInfo, line); }
  void Debug(std::string_view line) const { Write(LogLevel::kDebug, line); }

 private:
  LogLevel level_ = LogLevel::kOff;
  Sink sink_;
};

}  // namespace boxlite
