// The system-call filter: an allow-list, by libseccomp. Nobody else includes <seccomp.h>.
//
// A filter holds for the thread that loads it and for those that it makes later. A process whose
// threads do different things loads one in each; a list loaded on top of another narrows it.
//
// A call that is not on the list ends the process at once; its number and the thread's name are
// written to standard error first (which a helper has pointed at its log).
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"

namespace boxlite::jail {

// `call` is allowed; with `argument`, only where that argument (0 is the first), masked, has the
// value.
struct Rule {
  int call = 0;  // SYS_*
  struct Argument {
    unsigned index = 0;
    uint64_t mask = 0;
    uint64_t value = 0;
  };
  std::optional<Argument> argument;
};

// Needs no_new_privs. Cannot be taken back. A call of `unknown` is answered with ENOSYS, as by a
// kernel that does not have it: for what has an older form that a filter can judge (clone3).
// `thread` names the calling thread in that line and outlives it.
Result<void> LoadFilter(std::span<const Rule> rules, std::span<const int> unknown = {},
                        const char* thread = "main");

}  // namespace boxlite::jail
