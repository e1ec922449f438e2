// What the lists of allowed calls of fetch and convert are written with, and what both hold:
// memory, threads and no processes, the time, and who we are.
#pragma once

#include <sched.h>
#include <sys/syscall.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "jail/filter.h"

namespace boxlite::image {

constexpr jail::Rule Only(int call, unsigned index, uint64_t value) {
  return {call, jail::Rule::Argument{index, ~uint64_t{0}, value}};
}
// None of `bits` may be set.
constexpr jail::Rule Without(int call, unsigned index, uint64_t bits) {
  return {call, jail::Rule::Argument{index, bits, 0}};
}

inline constexpr jail::Rule kCommonRules[] = {
    {SYS_munmap, {}},
    {SYS_mremap, {}},
    {SYS_madvise, {}},
    {SYS_brk, {}},
    {SYS_clone, jail::Rule::Argument{0, CLONE_THREAD, CLONE_THREAD}},
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
