// One system call in a process of its own behind a filter, with arguments that do nothing.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>
#include <span>

#include "jail/filter.h"
#include "jail/jail.h"

namespace boxlite::image {

class FilterProbe {
 public:
  static constexpr int kLastCall = 462;

  FilterProbe(std::span<const jail::Rule> rules, std::span<const int> unknown)
      : rules_(rules), unknown_(unknown) {}

  // What waitpid says of a child that makes the call; an allowed one ends with kCameBack.
  int StatusOf(long call, const std::array<long, 6>& arguments) const {
    pid_t child = ::fork();
    if (child == 0) {
      ::close(STDERR_FILENO);
      if (!jail::NoNewPrivileges().ok() || !jail::LoadFilter(rules_, unknown_).ok()) ::_exit(1);
      ::syscall(call, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                arguments[5]);
      ::_exit(kCameBack);
    }
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    return status;
  }
  bool ComesBack(long call, long a = -1, long b = -1, long c = -1, long d = -1) const {
    return EndsWith(StatusOf(call, {a, b, c, d, -1, -1}), kCameBack);
  }
  bool IsRefused(long call, long a = -1, long b = -1, long c = -1) const {
    return EndsWith(StatusOf(call, {a, b, c, -1, -1, -1}), 128 + SIGSYS);
  }

  void ExpectEveryListedCallComesBack() const {
    for (const jail::Rule& rule : rules_) {
      if (kEnds.count(rule.call) != 0) continue;
      std::array<long, 6> arguments = {-1, -1, -1, -1, -1, -1};
      // Poll waits for ever with a negative time.
      if (rule.call == SYS_poll) arguments = {};
      if (rule.argument) arguments[rule.argument->index] = static_cast<long>(rule.argument->value);
      EXPECT_TRUE(EndsWith(StatusOf(rule.call, arguments), kCameBack))
          << "system call " << rule.call;
    }
  }
  void ExpectEveryOtherCallIsRefused() const {
    std::set<long> listed(unknown_.begin(), unknown_.end());
    for (const jail::Rule& rule : rules_) listed.insert(rule.call);
    for (long call = 0; call <= kLastCall; ++call) {
      if (listed.count(call) != 0 || kKernelsOwn.count(call) != 0) continue;
      EXPECT_TRUE(IsRefused(call)) << "system call " << call;
    }
  }

 private:
  static constexpr int kCameBack = 77;
  // They end the process, allowed or not.
  inline static const std::set<long> kEnds = {SYS_exit, SYS_exit_group, SYS_rt_sigreturn};
  // What the kernel calls in its own probes (uretprobe, uprobe): it lets no filter judge them, and
  // ends everybody else who makes them.
  inline static const std::set<long> kKernelsOwn = {335, 336};

  static bool EndsWith(int status, int code) {
    return WIFEXITED(status) && WEXITSTATUS(status) == code;
  }

  std::span<const jail::Rule> rules_;
  std::span<const int> unknown_;
};

}  // namespace boxlite::image
