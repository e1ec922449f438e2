// The layers with which a helper locks itself in, one function each. A layer that the host refuses
// is an error that the caller may note and go on from; nothing here ends the process.
//
// Thread rule: call from the main thread while it is the only one; what is set here is inherited by
// threads and children.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace boxlite::jail {

// What became of each layer, for people: "capabilities: dropped".
class Report {
 public:
  void Add(std::string line) { lines_.push_back(std::move(line)); }
  void Add(const char* layer, const char* state, const Result<void>& result);
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

// Nothing that is executed from here on gains privileges (set-user-id programs, file capabilities).
Result<void> NoNewPrivileges();

// Empties every set: effective, permitted, inheritable, ambient, bounding.
Result<void> DropCapabilities();

struct Limit {
  int resource = 0;  // RLIMIT_*
  rlim_t value = 0;  // soft and hard; a hard limit that is lower already stays
};
Result<void> LimitResources(std::span<const Limit> limits);

// Closes every descriptor that is not in `keep`.
Result<void> CloseDescriptorsExcept(std::vector<int> keep);

// Forgets the environment and overwrites the memory that it came in.
void ClearEnvironment(char** environment);

// A core dump would hold the guest's memory; other processes of the user must not attach.
Result<void> ForbidDumps();

}  // namespace boxlite::jail
