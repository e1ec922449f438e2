#include "guest-agent/command.h"

#include <algorithm>

namespace boxlite::agent {
namespace {

Result<void> CheckText(const std::string& text, const std::string& what) {
  if (text.find('\0') == std::string::npos) return {};
  return Error(Code::kInvalidArgument, what + " has a zero byte inside");
}

const std::string* FindVariable(const std::vector<std::string>& env, std::string_view prefix) {
  // The last one wins, as where a shell reads its environment.
  auto found = std::find_if(env.rbegin(), env.rend(), [prefix](const std::string& entry) {
    return std::string_view(entry).substr(0, prefix.size()) == prefix;
  });
  return found == env.rend() ? nullptr : &*found;
}

std::vector<std::string> Candidates(const std::string& name, std::string_view path) {
  std::vector<std::string> candidates;
  for (;;) {
    size_t colon = std::min(path.find(':'), path.size());
    std::string directory(path.substr(0, colon));
    // An empty entry is the working directory.
    candidates.push_back((directory.empty() ? "." : directory) + "/" + name);
    if (colon == path.size()) return candidates;
    path.remove_prefix(colon + 1);
  }
}

}  // namespace

Result<Command> MakeCommand(proto::Exec& request, const Identity& identity) {
  if (request.argv.empty() || request.argv[0].empty()) {
    return Error(Code::kInvalidArgument, "argv is empty: there is no command to execute");
  }
  for (size_t i = 0; i < request.argv.size(); ++i) {
    BOXLITE_TRY(CheckText(request.argv[i], "argv[" + std::to_string(i) + "]"));
  }
  for (const std::string& entry : request.env) {
    size_t equals = entry.find('=');
    std::string name = entry.substr(0, equals);
    if (equals == 0 || equals == std::string::npos) {
      return Error(Code::kInvalidArgument, "environment entry \"" + name + "\" is not NAME=value");
    }
    BOXLITE_TRY(CheckText(entry, "environment variable " + name));
  }
  Command command;
  command.argv = std::move(request.argv);
  command.env = std::move(request.env);
  if (FindVariable(command.env, "HOME=") == nullptr) command.env.push_back("HOME=" + identity.home);
  const std::string& name = command.argv[0];
  if (name.find('/') != std::string::npos) {
    command.candidates.push_back(name);
    return command;
  }
  const std::string* path = FindVariable(command.env, "PATH=");
  command.path = path != nullptr ? path->substr(5) : kDefaultPath;
  command.candidates = Candidates(name, command.path);
  return command;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace boxlite::agent
