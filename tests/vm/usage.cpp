#include "vm/usage.h"

#include <time.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace boxlite::vm_test {
namespace {

constexpr uint64_t kGuestBytes = uint64_t{256} << 20;

// Mappings that lie next to each other, because the guest's memory is such a run: pages of its
// kernel's file divide it. Nothing else is as large but what an allocator reserves and no process
// may touch, which has no private pages.
struct Run {
  uint64_t start = 0, end = 0;
  double private_kib = 0;
};

std::vector<Run> RunsOf(pid_t pid) {
  std::ifstream smaps("/proc/" + std::to_string(pid) + "/smaps");
  std::vector<Run> runs;
  std::string line;
  while (std::getline(smaps, line)) {
    uint64_t start = 0, end = 0;
    double kib = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2) {
      if (runs.empty() || runs.back().end != start) runs.push_back({start, start, 0});
      runs.back().end = end;
    } else if (std::sscanf(line.c_str(), "Private_%*[^:]: %lf", &kib) == 1) {
      runs.back().private_kib += kib;
    }
  }
  return runs;
}

pid_t ParentOf(const std::filesystem::path& process) {
  std::ifstream status(process / "status");
  std::string field;
  while (status >> field && field != "PPid:") {
  }
  pid_t parent = 0;
  status >> parent;
  return parent;
}

}  // namespace

std::vector<pid_t> FamilyOf(pid_t pid) {
  std::vector<pid_t> family = {pid};
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::string name = entry.path().filename();
    bool is_process = name.find_first_not_of("0123456789") == std::string::npos;
    if (is_process && ParentOf(entry.path()) == pid) family.push_back(std::stoi(name));
  }
  return family;
}

double PrivateKib(const std::vector<pid_t>& family) {
  double total = 0;
  for (pid_t pid : family)
    for (const Run& run : RunsOf(pid))
      if (run.end - run.start < kGuestBytes) total += run.private_kib;
  return total;
}

double CpuMs(const std::vector<pid_t>& family) {
  double total = 0;
  for (pid_t pid : family) {
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(pid, &clock) == 0 && ::clock_gettime(clock, &used) == 0)
      total += static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
  }
  return total;
}

}  // namespace boxlite::vm_test
