// One system call that libc does not offer: a child that shares our memory until it executes, as
// vfork's does, but is born in its cgroup. Moving it there afterwards would wait for every CPU.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace boxlite::agent {

// Calls `run(argument)` in a child on the given stack; it must not return. We stand still until the
// child has executed a program or ended. Signals have their default action in the child. The
// child's pid, or minus the error's number.
long CloneIntoCgroup(int cgroup_fd, void* stack, size_t stack_size, void (*run)(void*),
                     void* argument);

}  // namespace boxlite::agent
