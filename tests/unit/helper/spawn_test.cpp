#include "helper/spawn.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/sys.h"

namespace boxlite::helper {
namespace {

// Runs a shell script as the program, with `out` as descriptor 5, and returns what it wrote there.
std::string OutputOf(const std::string& script, std::vector<DescriptorMapping> more = {}) {
  auto pipe = sys::Pipe().TakeValue();
  SpawnOptions options{"/bin/sh", {"sh", "-c", script}, std::move(more)};
  options.descriptors.push_back({pipe.second.get(), 5});
  auto spawned = Spawn(options);
  EXPECT_TRUE(spawned.ok());
  pipe.second.Reset();
  std::string output = sys::ReadFile(pipe.first.get(), 1 << 20).TakeValue();
  EXPECT_TRUE(WaitForEnd(spawned.value(), 10'000));
  return output;
}

int OpenDescriptors() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

TEST(Spawn, Program_HasItsDescriptorsAndNoOthers) {
  UniqueFd leak(::open("/dev/zero", O_RDONLY));  // Not close-on-exec: the user's.
  std::string output = OutputOf("exec ls /proc/self/fd >&5");
  EXPECT_EQ(output, "0\n1\n2\n3\n5\n");  // 3 is the directory that ls reads.
}

TEST(Spawn, OverlappingNumbers_EachLandsWhereItBelongs) {
  auto one = sys::Pipe().TakeValue();
  auto two = sys::Pipe().TakeValue();
  ASSERT_TRUE(sys::WriteAll(one.second.get(), AsBytes("one\n")).ok());
  ASSERT_TRUE(sys::WriteAll(two.second.get(), AsBytes("two\n")).ok());
  // Above what OutputOf uses, whatever this process was started with.
  UniqueFd low(::fcntl(one.first.get(), F_DUPFD_CLOEXEC, 20));
  UniqueFd high(::fcntl(two.first.get(), F_DUPFD_CLOEXEC, 20));
  int first = low.get(), second = high.get();
  std::string output = OutputOf("read a </dev/fd/" + std::to_string(second) + "; read b </dev/fd/" +
                                    std::to_string(first) + "; echo $a $b >&5",
                                {{first, second}, {second, first}});
  EXPECT_EQ(output, "one two\n");
}

TEST(Spawn, Program_StartsWithoutTheUsersState) {
  ::setenv("BOXLITE_TEST_SECRET", "1", 1);
  ::signal(SIGUSR1, SIG_IGN);
  // A shell that waits for a child may have signals blocked: the last program replaces it.
  std::string output = OutputOf(
      "cat /proc/self/environ >&5; pwd >&5; exec grep -E 'Sig(Blk|Ign)' /proc/self/status >&5");
  EXPECT_NE(output.find("/\n"), std::string::npos);
  EXPECT_EQ(output.find("SECRET"), std::string::npos);
  EXPECT_NE(output.find("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000"), std::string::npos);
}

TEST(Spawn, Program_IsNoChildThatWaitSees) {
  int status = 0;
  auto spawned = Spawn({"/bin/sleep", {"sleep", "100"}, {}});
  ASSERT_TRUE(spawned.ok());
  EXPECT_EQ(::waitpid(-1, &status, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  EXPECT_EQ(::waitpid(-1, &status, WNOHANG | __WALL), -1);
  EXPECT_EQ(errno, ECHILD);
  ::kill(spawned.value().pid, SIGKILL);
  EXPECT_TRUE(WaitForEnd(spawned.value(), 10'000));
}

TEST(Spawn, UnderASubreaper_IsReaped) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  auto spawned = Spawn({"/bin/true", {"true"}, {}});
  ASSERT_TRUE(spawned.ok());
  EXPECT_TRUE(WaitForEnd(spawned.value(), 10'000));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG | __WALL), -1);
  EXPECT_EQ(errno, ECHILD);
}

TEST(Spawn, MissingProgram_SaysWhichAndLeavesNothing) {
  int before = OpenDescriptors();
  auto spawned = Spawn({"/nonexistent/boxlite-vm", {"boxlite-vm"}, {}});
  ASSERT_FALSE(spawned.ok());
  EXPECT_EQ(spawned.error().os_errno(), ENOENT);
  EXPECT_NE(spawned.error().message().find("/nonexistent/boxlite-vm"), std::string::npos);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG | __WALL), -1);
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(Spawn, Process_TellsTheEndOnItsLoop) {
  auto loop = loop::Loop::Create().TakeValue();
  auto spawned = Spawn({"/bin/sleep", {"sleep", "100"}, {}}).TakeValue();
  bool ended = false;
  auto process = Process::Watch(*loop, std::move(spawned), [&] {
                   ended = true;
                   loop->Stop();
                 }).TakeValue();
  process->Kill();
  loop->Run();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace boxlite::helper
