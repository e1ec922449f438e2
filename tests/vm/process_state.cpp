#include "vm/process_state.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace boxlite::vm_test {
namespace {

namespace fs = std::filesystem;

std::string Folder(pid_t pid) {
  return "/proc/" + std::to_string(pid);
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// By the flags of its `stat`, the ninth field: PF_USER_WORKER.
bool IsKernels(const fs::path& task) {
  constexpr unsigned long kUserWorker = 0x4000;
  std::ifstream in(task / "stat");
  std::string line, field;
  std::getline(in, line);
  // The second field is a name in brackets, which may hold anything.
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  for (int i = 3; i <= 9; ++i) fields >> field;
  return (std::stoul(field) & kUserWorker) != 0;
}

// "socket:[4711]" is a socket.
std::string WithoutNumber(const std::string& target) {
  for (const char* kind : {"socket", "pipe"})
    if (target.rfind(std::string(kind) + ":[", 0) == 0) return kind;
  return target;
}

}  // namespace

std::vector<pid_t> ThreadsOf(pid_t pid) {
  std::vector<pid_t> threads;
  for (const auto& entry : fs::directory_iterator(Folder(pid) + "/task"))
    if (!IsKernels(entry.path())) threads.push_back(std::stoi(entry.path().filename()));
  std::sort(threads.begin(), threads.end());
  return threads;
}

std::map<std::string, std::string> StatusOf(pid_t thread) {
  std::map<std::string, std::string> status;
  for (const std::string& line : Lines(ReadProc(thread, "status"))) {
    size_t colon = line.find(":\t");
    if (colon != std::string::npos) status[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return status;
}

std::map<std::string, std::string> LimitsOf(pid_t pid) {
  constexpr size_t kNameWidth = 26;
  std::map<std::string, std::string> limits;
  for (const std::string& line : Lines(ReadProc(pid, "limits"))) {
    std::string name = line.substr(0, kNameWidth);
    name.erase(name.find_last_not_of(' ') + 1);
    std::istringstream values(line.substr(kNameWidth));
    std::string soft, hard;
    values >> soft >> hard;
    limits[name] = soft.append(" ").append(hard);
  }
  return limits;
}

std::string ReadProc(pid_t pid, const std::string& name) {
  std::ifstream in(Folder(pid) + "/" + name, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string LinkOf(pid_t pid, const std::string& name) {
  return fs::read_symlink(Folder(pid) + "/" + name);
}

std::map<std::string, int> DescriptorsOf(pid_t pid) {
  std::map<std::string, int> descriptors;
  for (const auto& entry : fs::directory_iterator(Folder(pid) + "/fd"))
    ++descriptors[WithoutNumber(fs::read_symlink(entry.path()))];
  return descriptors;
}

pid_t OnlyChildOf(pid_t pid) {
  std::string children = ReadProc(pid, "task/" + std::to_string(pid) + "/children");
  return children.empty() ? -1 : std::stoi(children);
}

std::vector<std::string> NamesInRootOf(pid_t pid) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(Folder(pid) + "/root"))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace boxlite::vm_test
