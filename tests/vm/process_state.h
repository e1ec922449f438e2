// What /proc shows of a running process. Most of it is root's alone to see for a process that
// forbids dumps, so these are tests for root (another user sees `status`, and no more).
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace boxlite::vm_test {

// The threads' ids; the first is the process's own. Without those that the kernel keeps in a
// process that uses KVM: they run nothing of the process's.
std::vector<pid_t> ThreadsOf(pid_t pid);
// Of one thread: "Seccomp" -> "2".
std::map<std::string, std::string> StatusOf(pid_t thread);
// "Max open files" -> "256 256": soft and hard.
std::map<std::string, std::string> LimitsOf(pid_t pid);
// What a file of /proc/PID holds.
std::string ReadProc(pid_t pid, const std::string& name);
// What a link of /proc/PID names.
std::string LinkOf(pid_t pid, const std::string& name);
// What the descriptors are, and how many of each: "socket", "anon_inode:[eventfd]", "/dev/null".
std::map<std::string, int> DescriptorsOf(pid_t pid);
// Of the process's first thread; -1 where there is none.
pid_t OnlyChildOf(pid_t pid);
// The names in the directory that is the process's root.
std::vector<std::string> NamesInRootOf(pid_t pid);

}  // namespace boxlite::vm_test
