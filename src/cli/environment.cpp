#include "cli/environment.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

namespace boxlite::cli {
namespace {

void Add(std::vector<std::string>& environment, const std::string& entry,
         const std::string& where) {
  size_t equals = entry.find('=');
  if (entry.empty() || equals == 0)
    throw CLI::ValidationError(where, "\"" + entry + "\" has no name");
  if (equals != std::string::npos) return environment.push_back(entry);
  const char* value = std::getenv(entry.c_str());
  if (value != nullptr) environment.push_back(entry + "=" + value);
}

constexpr const char* kBlanks = " \t\v\f\r";

// docker's rules: blanks before a name are nothing, in it they are a mistake.
void AddLine(std::vector<std::string>& environment, std::string line, const std::string& where) {
  line.erase(0, std::min(line.find_first_not_of(kBlanks), line.size()));
  if (line.empty() || line.front() == '#') return;
  if (line.substr(0, line.find('=')).find_first_of(kBlanks) != std::string::npos)
    throw CLI::ValidationError(where, "\"" + line + "\" has a blank in the name");
  Add(environment, line, where);
}

void AddFile(std::vector<std::string>& environment, const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  if (!file)
    throw CLI::ValidationError("--env-file", path + ": " + std::generic_category().message(errno));
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    AddLine(environment, line, "--env-file: " + path + " line " + std::to_string(number));
  }
  if (file.bad()) throw CLI::ValidationError("--env-file", path + " cannot be read");
}

}  // namespace

std::vector<std::string> ReadEnvironment(const std::vector<std::string>& files,
                                         const std::vector<std::string>& entries) {
  std::vector<std::string> environment;
  for (const std::string& file : files) AddFile(environment, file);
  for (const std::string& entry : entries) Add(environment, entry, "--env");
  return environment;
}

}  // namespace boxlite::cli
