// What the lists of allowed calls of fetch and convert both hold: memory, threads and no processes,
// the time, and who we are.
#pragma once

#include <sched.h>
#include <sys/syscall.h>

#include <array>
#include <cstddef>
#include <iterator>

#include "jail/filter.h"

namespace boxlite::image {

inline constexpr jail::Rule kCommonRules[] = {
    {SYS_munmap, {}},
    {SYS_mremap, {}},
    {SYS_madvise, {}},
    {SYS_brk, {}},
    {SYS_clone, {{{0, CLONE_THREAD, CLONE_THREAD}}}},
    {SYS_futex, {}},
    {SYS_set_robust_list, {}},
    {SYS_rseq, {}},
    {SYS_sched_yield, {}},
    {SYS_sched_getaffinity, {}},
    {SYS_gettid, {}},
    {SYS_getpid, {}},
    {SYS_tgkill, {}},
    {SYS_exit, {}},
    {SYS_exit_group, {}},
    {SYS_rt_sigaction, {}},
    {SYS_rt_sigprocmask, {}},
    {SYS_rt_sigreturn, {}},
    {SYS_restart_syscall, {}},
    {SYS_clock_gettime, {}},
    {SYS_getrandom, {}},
    {SYS_getuid, {}},
    {SYS_geteuid, {}},
    {SYS_getgid, {}},
    {SYS_getegid, {}},
};

// `own` and what every list holds.
template <size_t N>
constexpr auto WithCommon(const jail::Rule (&own)[N]) {
  std::array<jail::Rule, N + std::size(kCommonRules)> rules;
  size_t count = 0;
  for (const jail::Rule& rule : own) rules[count++] = rule;
  for (const jail::Rule& rule : kCommonRules) rules[count++] = rule;
  return rules;
}

}  // namespace boxlite::image
