// clone with memory shared (CLONE_VM | CLONE_VFORK), by the name that the sanitizers do not take
// over: their own `clone` takes the child for a forked process and notes so in memory, which here
// is ours.
#pragma once

#include <sched.h>

extern "C" int __clone(int (*entry)(void*), void* stack, int flags, void* argument,  // NOLINT
                       ...) noexcept;

namespace boxlite::sys {

// `stack` is its upper end. `pidfd` is set where the flags have CLONE_PIDFD. Minus one and errno
// where it fails.
inline int CloneSharing(int (*entry)(void*), void* stack, int flags, void* argument,
                        int* pidfd = nullptr) {
  return __clone(entry, stack, flags | CLONE_VM | CLONE_VFORK, argument, pidfd);
}

}  // namespace boxlite::sys
