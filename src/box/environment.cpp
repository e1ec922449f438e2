#include "box/environment.h"

#include <pwd.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/sys.h"

namespace boxlite::box {
namespace {

std::string Variable(const char* name) {
  const char* value = ::secure_getenv(name);
  return value == nullptr ? std::string() : value;
}

std::string UserHome() {
  std::string home = Variable("HOME");
  if (!home.empty()) return home;
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  ::getpwuid_r(::geteuid(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr || found->pw_dir == nullptr ? std::string() : found->pw_dir;
}

void WriteToStandardError(LogLevel level, std::string_view line) {
  std::string text =
      "boxlite " + std::string(LogLevelName(level)) + ": " + std::string(line) + "\n";
  // Nobody could be told where it fails.
  static_cast<void>(sys::WriteAll(STDERR_FILENO, AsBytes(text)).ok());
}

}  // namespace

Result<std::string> HomePath(const RuntimeOptions& options) {
  if (!options.home_dir.empty()) return options.home_dir;
  std::string named = Variable("BOXLITE_HOME");
  if (!named.empty()) return named;
  std::string home = UserHome();
  if (home.empty())
    return Error(Code::kConfig,
                 "there is no home directory for boxlite: neither home_dir, "
                 "BOXLITE_HOME nor HOME is set",
                 "Set BOXLITE_HOME to a directory that this user may write.");
  return home + "/.boxlite";
}

LogLevel EffectiveLogLevel(const RuntimeOptions& options) {
  if (options.log_level != LogLevel::kOff) return options.log_level;
  std::string named = Variable("BOXLITE_LOG");
  if (!named.empty()) return LogLevelFromName(named, LogLevel::kWarn);
  return options.log ? LogLevel::kWarn : LogLevel::kOff;
}

Log MakeLog(const RuntimeOptions& options) {
  LogLevel level = EffectiveLogLevel(options);
  if (options.log) return Log(level, options.log);
  if (Variable("BOXLITE_LOG").empty()) return Log();
  return Log(level, WriteToStandardError);
}

std::string WholeEnvironment() {
  std::string whole;
  bool trusted = ::getauxval(AT_SECURE) == 0;
  for (char** entry = environ; trusted && entry != nullptr && *entry != nullptr; ++entry)
    whole.append(*entry).push_back('\0');
  return whole;
}

std::string FindQemu() {
  std::string path = Variable("PATH") + ":/usr/bin:/usr/local/bin";
  std::string_view rest = path;
  while (!rest.empty()) {
    size_t colon = std::min(rest.find(':'), rest.size());
    std::string candidate = std::string(rest.substr(0, colon)) + "/qemu-system-x86_64";
    if (candidate[0] == '/' && candidate[1] != 'q' && ::access(candidate.c_str(), X_OK) == 0)
      return candidate;
    rest.remove_prefix(std::min(colon + 1, rest.size()));
  }
  return "";
}

}  // namespace boxlite::box
