#include "machine/console_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "base/sys.h"

namespace boxlite::machine {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::string FileText(int fd) {
  ::lseek(fd, 0, SEEK_SET);
  return sys::ReadFile(fd, 1 << 20).value();
}

TEST(ConsoleLog, Tail_GivesWholeNewestLines) {
  ConsoleLog log(-1, 0);
  log.Append("first line\r\nsecond line\r\nthird");
  EXPECT_EQ(log.Tail(100), "first line\nsecond line\nthird");
  EXPECT_EQ(log.Tail(16), "third");
}

TEST(ConsoleLog, ControlCharacters_NeverComeOut) {
  ConsoleLog log(-1, 0);
  log.Append("\x1b[2J\x07\tplain\xff\n");
  EXPECT_EQ(log.Tail(100), "?[2J?\tplain?\n");
}

TEST(ConsoleLog, OwnLine_DoesNotCutTheGuests) {
  ConsoleLog log(-1, 0);
  log.Append("[    1.5] Kernel panic - not syn");
  log.AppendOwn("the root disk stopped: Kernel panic - not syncing\x1b");
  log.Append("cing: why\n");
  log.AppendOwn("again");
  EXPECT_EQ(log.Tail(200),
            "boxlite-vm: the root disk stopped: Kernel panic - not syncing?\n"
            "[    1.5] Kernel panic - not syncing: why\n"
            "boxlite-vm: again\n");
  EXPECT_EQ(log.panic(), "Kernel panic - not syncing: why");
}

TEST(ConsoleLog, EndlessLine_IsCut) {
  ConsoleLog log(-1, 0);
  log.Append(std::string(100'000, 'x'));
  EXPECT_LE(log.Tail(1 << 20).size(), 2 * ConsoleLog::kTailSize + ConsoleLog::kLineLimit);
  EXPECT_THAT(log.Tail(1 << 20), HasSubstr("\n"));
}

TEST(ConsoleLog, Panic_OnlyInTheKernelsOwnFormat) {
  ConsoleLog log(-1, 0);
  log.Append("Kernel panic - not syncing: said a program\n");
  EXPECT_EQ(log.panic(), "");
  log.Append("[    0.123456] Kernel panic - not syncing: Attempted to kill init!\n[ 1.0] more\n");
  EXPECT_EQ(log.panic(), "Kernel panic - not syncing: Attempted to kill init!");
  EXPECT_FALSE(log.out_of_memory());
}

TEST(ConsoleLog, Halt_OnlyInTheKernelsOwnFormat) {
  ConsoleLog log(-1, 0);
  log.Append("reboot: Power down\n[    2.100000] reboot: Restarting system\n");
  EXPECT_EQ(log.halt(), "");
  log.Append("[    2.345678] reboot: Power off not available: System halted instead\n");
  EXPECT_EQ(log.halt(), "reboot: Power off not available: System halted instead");
  EXPECT_EQ(log.panic(), "");
}

TEST(ConsoleLog, OutOfMemory_IsTold) {
  ConsoleLog log(-1, 0);
  log.Append("[    9.5] Out of memory: Killed process 12 (python3)\n");
  EXPECT_FALSE(log.out_of_memory());
  log.Append("[    9.6] System is deadlocked on memory\n");
  EXPECT_FALSE(log.out_of_memory());
  log.Append("[    9.7] Kernel panic - not syncing: System is deadlocked on memory\n");
  EXPECT_TRUE(log.out_of_memory());
}

TEST(ConsoleLog, PanicThatWasAskedForWithoutMemory_IsOutOfMemory) {
  ConsoleLog log(-1, 0);
  log.Append("[ 9.5] Kernel panic - not syncing: Out of memory: system-wide panic_on_oom is on\n");
  EXPECT_TRUE(log.out_of_memory());
}

// The first panic is the one that ended it.
TEST(ConsoleLog, OtherPanics_AreNotForMemory) {
  ConsoleLog log(-1, 0);
  log.Append("[    9.5] Kernel panic - not syncing:\n");
  log.Append("[    9.6] Kernel panic - not syncing: System is deadlocked on memory\n");
  EXPECT_FALSE(log.out_of_memory());
}

TEST(ConsoleLog, File_IsBoundedAndKeepsBothEnds) {
  UniqueFd file(::memfd_create("log", MFD_CLOEXEC));
  ConsoleLog log(file.get(), 4096);
  log.Append("the very first line\n");
  for (int i = 0; i < 10'000; ++i) log.Append("line " + std::to_string(i) + "\n");
  std::string text = FileText(file.get());
  EXPECT_LE(text.size(), 4096u);
  EXPECT_THAT(text, StartsWith("the very first line\nline 0\n"));
  EXPECT_THAT(text, HasSubstr("the log continues at its middle"));
  EXPECT_THAT(text, HasSubstr("line 9999\n"));
  EXPECT_THAT(text, Not(HasSubstr("line 5000\n")));
}

}  // namespace
}  // namespace boxlite::machine
