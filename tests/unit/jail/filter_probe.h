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
#include <string>
#include <vector>

#include "base/sys.h"
#include "jail/filter.h"
#include "jail/jail.h"

namespace boxlite::jail {

using CallArguments = std::array<long, 6>;
constexpr CallArguments kNoArguments = {-1, -1, -1, -1, -1, -1};

inline bool Matches(const Rule& rule, long call, const CallArguments& arguments) {
  bool matches = rule.call == call;
  for (const Rule::Argument& wanted : rule.arguments)
    matches &= (static_cast<uint64_t>(arguments[wanted.index]) & wanted.mask) == wanted.value;
  return matches;
}
inline bool ChecksArguments(const Rule& rule) {
  bool checks = false;
  for (const Rule::Argument& argument : rule.arguments) checks |= argument.mask != 0;
  return checks;
}

class FilterProbe {
 public:
  static constexpr int kLastCall = 462;

  explicit FilterProbe(std::span<const Rule> rules, std::span<const int> unknown = {},
                       const char* thread = "main")
      : rules_(rules.begin(), rules.end()),
        unknown_(unknown.begin(), unknown.end()),
        thread_(thread) {}

  const std::vector<Rule>& rules() const { return rules_; }

  struct Ending {
    int status = 0;     // what waitpid says; an allowed call's child ends with kCameBack
    std::string words;  // on standard error
  };
  Ending Try(long call, const CallArguments& arguments) const {
    auto errors = sys::Pipe().TakeValue();
    pid_t child = ::fork();
    if (child == 0) {
      ::dup2(errors.second.get(), STDERR_FILENO);
      // What it is tried with names no descriptor: not even one that the tests were started with.
      static_cast<void>(CloseDescriptorsExcept({STDERR_FILENO}));
      if (!NoNewPrivileges().ok() || !LoadFilter(rules_, unknown_, thread_).ok()) ::_exit(1);
      ::syscall(call, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
                arguments[5]);
      ::_exit(kCameBack);
    }
    errors.second.Reset();
    Ending ending;
    ending.words = sys::ReadFile(errors.first.get(), 4096).value();
    EXPECT_EQ(::waitpid(child, &ending.status, 0), child);
    return ending;
  }
  bool ComesBack(long call, const CallArguments& arguments) const {
    return EndsWith(Try(call, arguments).status, kCameBack);
  }
  bool ComesBack(long call, long a = -1, long b = -1, long c = -1, long d = -1) const {
    return ComesBack(call, CallArguments{a, b, c, d, -1, -1});
  }
  // Ended, with words that name the call and the thread.
  bool IsRefused(long call, const CallArguments& arguments) const {
    Ending ending = Try(call, arguments);
    std::string words = "system call " + std::to_string(call) + " is not allowed in thread " +
                        std::string(thread_) + ";";
    return EndsWith(ending.status, 128 + SIGSYS) && ending.words.find(words) != std::string::npos;
  }
  bool IsRefused(long call, long a = -1, long b = -1, long c = -1) const {
    return IsRefused(call, CallArguments{a, b, c, -1, -1, -1});
  }

  void ExpectEveryListedCallComesBack() const {
    for (const Rule& rule : rules_) {
      if (kEnds.count(rule.call) != 0) continue;
      CallArguments arguments = kNoArguments;
      // Poll waits for ever with a negative time.
      if (rule.call == SYS_poll) arguments = {};
      for (const Rule::Argument& wanted : rule.arguments)
        if (wanted.mask != 0) arguments[wanted.index] = static_cast<long>(wanted.value);
      EXPECT_TRUE(ComesBack(rule.call, arguments)) << "system call " << rule.call;
    }
  }
  void ExpectEveryOtherCallIsRefused() const {
    std::set<long> listed(unknown_.begin(), unknown_.end());
    for (const Rule& rule : rules_) listed.insert(rule.call);
    for (long call = 0; call <= kLastCall; ++call) {
      if (listed.count(call) != 0 || kKernelsOwn.count(call) != 0) continue;
      EXPECT_TRUE(IsRefused(call)) << "system call " << call;
    }
  }
  void ExpectExitCallsEnd() const {
    for (long call : {SYS_exit, SYS_exit_group})
      EXPECT_TRUE(EndsWith(Try(call, {5}).status, 5)) << "system call " << call;
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

  std::vector<Rule> rules_;
  std::vector<int> unknown_;
  const char* thread_;
};

}  // namespace boxlite::jail
