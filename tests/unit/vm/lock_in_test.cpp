// What a locked-in thread still has to be able to do: use memory, and say why it ends.
#include "vm/lock_in.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/check.h"
#include "base/sys.h"

// What the compiler calls where a stack was overwritten: libc's words, and then the end.
// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" [[noreturn]] void __stack_chk_fail();

namespace boxlite::vm {
namespace {

struct Ending {
  int status = 0;
  std::string words;
};

// A thread of a process of its own does `unlocked` and then, locked in, `locked`.
Ending OfThread(Thread kind, const std::function<void()>& unlocked,
                const std::function<void()>& locked) {
  auto errors = sys::Pipe().TakeValue();
  pid_t child = ::fork();
  if (child == 0) {
    ::dup2(errors.second.get(), STDERR_FILENO);
    errors.second.Reset();
    UseOneHeap();
    if (!jail::NoNewPrivileges().ok()) ::_exit(1);
    const Thread kinds[] = {kind};
    ThreadFilters filters = ThreadFilters::Make(kinds, SystemCalls::kFiltered).TakeValue();
    std::thread thread([&] {
      unlocked();
      filters.LockThreadIn(kind);
      locked();
    });
    thread.join();
    ::_exit(0);
  }
  errors.second.Reset();
  Ending ending;
  ending.words = sys::ReadFile(errors.first.get(), 4096).value();
  EXPECT_EQ(::waitpid(child, &ending.status, 0), child);
  return ending;
}

class LockedThread : public testing::TestWithParam<Thread> {};

// Below the size that gets a mapping of its own; together more than a heap keeps.
TEST_P(LockedThread, MemoryFromBefore_CanBeGivenBack) {
  constexpr size_t kSize = 90'000;
  std::array<std::unique_ptr<char[]>, 40> pieces;
  Ending ending = OfThread(
      GetParam(),
      [&] {
        for (auto& piece : pieces) piece = std::make_unique<char[]>(kSize);
      },
      [&] {
        for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) piece->reset();
      });
  EXPECT_EQ(ending.status, 0);
  EXPECT_EQ(ending.words, "");
}

TEST_P(LockedThread, ManyAndLargePieces_CanBeHad) {
  Ending ending = OfThread(
      GetParam(), [] {},
      [] {
        std::string text;
        for (int i = 0; i < 4'000'000; ++i) text += 'x';
        std::array<std::string, 1000> pieces;
        for (std::string& piece : pieces) piece.assign(4000, 'y');
      });
  EXPECT_EQ(ending.status, 0);
  EXPECT_EQ(ending.words, "");
}

TEST_P(LockedThread, BrokenInvariant_IsToldAndAborts) {
  Ending ending = OfThread(
      GetParam(), [] {}, [] { CheckFailed("one == two", "here.cpp", 7); });
  EXPECT_TRUE(WIFSIGNALED(ending.status) && WTERMSIG(ending.status) == SIGABRT) << ending.status;
  EXPECT_NE(ending.words.find("one == two"), std::string::npos) << ending.words;
}

TEST_P(LockedThread, LibcsLastWords_AreToldAndAbort) {
  Ending ending = OfThread(
      GetParam(), [] {}, [] { __stack_chk_fail(); });
  EXPECT_TRUE(WIFSIGNALED(ending.status) && WTERMSIG(ending.status) == SIGABRT) << ending.status;
  EXPECT_NE(ending.words.find("stack smashing"), std::string::npos) << ending.words;
}

INSTANTIATE_TEST_SUITE_P(QemuLoop, LockedThread, testing::Values(Thread::kQemuLoop));
INSTANTIATE_TEST_SUITE_P(KvmLoop, LockedThread, testing::Values(Thread::kKvmLoop));
INSTANTIATE_TEST_SUITE_P(Vcpu, LockedThread, testing::Values(Thread::kVcpu));
INSTANTIATE_TEST_SUITE_P(Disk, LockedThread, testing::Values(Thread::kDisk));

}  // namespace
}  // namespace boxlite::vm
