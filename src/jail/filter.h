// The system-call filter: an allow-list, by libseccomp. Nobody else includes <seccomp.h>.
//
// A filter holds for the thread that loads it and for those that it makes later. A process whose
// threads do different things loads one in each; a list loaded on top of another narrows it.
//
// A call that is not on the list ends the process at once; its number and the thread's name are
// written to standard error first (which a helper has pointed at its log).
#pragma once

#include <linux/filter.h>

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"

namespace boxlite::jail {

// `call` is allowed where each of `arguments`, masked, has its value; a mask of 0 asks for nothing.
// A call that has several rules is allowed where one of them holds.
struct Rule {
  int call = 0;  // SYS_*
  struct Argument {
    unsigned index = 0;  // 0 is the first
    uint64_t mask = 0;
    uint64_t value = 0;
  };
  std::array<Argument, 2> arguments = {};
};

// An argument that is an int: its upper half is whatever the register held.
constexpr Rule::Argument Is(unsigned index, uint64_t value) {
  return {index, 0xffffffff, value};
}
constexpr Rule::Argument IsNull(unsigned index) {
  return {index, ~uint64_t{0}, 0};
}
// None of `bits` is set.
constexpr Rule::Argument Lacks(unsigned index, uint64_t bits) {
  return {index, bits, 0};
}

// A list made into the kernel's program, which takes a millisecond; to load it takes nearly none.
class Filter {
 public:
  // A call of `unknown` is answered with ENOSYS, as by a kernel that does not have it: for what has
  // an older form that a filter can judge (clone3).
  static Result<Filter> Compile(std::span<const Rule> rules, std::span<const int> unknown = {});

  // Into the calling thread, which `thread` names in that line and does not outlive. Needs
  // no_new_privs. Cannot be taken back.
  Result<void> Load(const char* thread) const;

 private:
  explicit Filter(std::vector<sock_filter> program) : program_(std::move(program)) {}
  std::vector<sock_filter> program_;
};

// Whether this kernel has filters at all.
bool FiltersAreAvailable();

// Both at once.
Result<void> LoadFilter(std::span<const Rule> rules, std::span<const int> unknown = {},
                        const char* thread = "main");

}  // namespace boxlite::jail
