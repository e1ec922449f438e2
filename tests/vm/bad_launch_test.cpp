// Launches that cannot work: each is refused with an error that names what is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "vm/box_process.h"
#include "vm/failed_launch.h"

namespace boxlite::vm_test {
namespace {

using testing::HasSubstr;

TEST(BadLaunch, NumbersOutOfRange_AreNamed) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.cpus = 0;
  Failure failure = LaunchFails(launch);
  EXPECT_EQ(CodeOf(failure), Code::kInvalidArgument);
  EXPECT_THAT(failure.refusal.message, HasSubstr("cpus is 0"));
  launch.cpus = 1;
  launch.memory_mib = 3;
  EXPECT_THAT(LaunchFails(launch).refusal.message, HasSubstr("memory_mib is 3"));
}

TEST(BadLaunch, InitramfsThatIsNone_IsAPanicWithTheKernelsLines) {
  BoxFiles files = DefaultFiles();
  files.initramfs = "/etc/passwd";
  Failure failure = LaunchFails(BoxProcess::DefaultLaunch(), files);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_EQ(failure.exit.reason, proto::ExitReason::kPanic);
  EXPECT_THAT(failure.refusal.message, HasSubstr("The kernel's last lines:"));
  EXPECT_THAT(failure.refusal.message, HasSubstr("Kernel panic"));
}

TEST(BadLaunch, RootDiskThatIsNone_IsToldByTheAgent) {
  BoxFiles files = DefaultFiles();
  files.root_disk = files.initramfs;
  Failure failure = LaunchFails(BoxProcess::DefaultLaunch(), files);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_THAT(failure.refusal.message, HasSubstr("vda"));
  EXPECT_EQ(failure.exit.reason, proto::ExitReason::kBoot);
}

TEST(BadLaunch, OwnerGoesBeforeLaunch_EndsTheProcess) {
  BoxProcess box;
  box.owner().Close();
  EXPECT_NE(box.WaitEnd(), 0);
}

TEST(BadLaunch, FirstFrameIsGarbage_EndsTheProcess) {
  BoxProcess box;
  box.owner().SendRaw(AsBytes(std::string(64, '\xff')));
  EXPECT_NE(box.WaitEnd(), 0);
}

TEST(Program, WithoutItsDescriptors_SaysWhoStartsIt) {
  EXPECT_THAT(RunProgram(""), HasSubstr("started by the boxlite library"));
  EXPECT_THAT(RunProgram("--nonsense"), HasSubstr("unknown option --nonsense"));
}

TEST(Program, VersionAndProbe_Print) {
  EXPECT_THAT(RunProgram("--version"), HasSubstr("boxlite-vm "));
  const char* engine = TestedEngine() == proto::Engine::kKvm ? "engine: kvm (" : "engine: qemu (";
  EXPECT_THAT(RunProgram("--probe"), HasSubstr(engine));
}

// Wherever it runs out of them: who launched is told, the record says it, nothing hangs.
TEST(BadLaunch, DescriptorsRunOut_IsToldAndRecorded) {
  BoxFiles files = DefaultFiles();
  constexpr unsigned kFew = 14;  // what it is given, and what it takes to read LAUNCH
  int failures = 0;
  for (files.descriptors = kFew;; ++files.descriptors) {
    BoxProcess box(files);
    uint32_t stream = box.owner().Open(BoxProcess::DefaultLaunch());
    Stream& launch = box.owner().at(stream);
    ASSERT_TRUE(box.owner().RunUntil([&] { return launch.accept || launch.over(); }))
        << "closed without a word at " << files.descriptors;
    if (launch.accept) break;
    ++failures;
    box.WaitEnd();
    EXPECT_EQ(box.ExitRecord().reason, proto::ExitReason::kBoot) << "at " << files.descriptors;
  }
  EXPECT_GT(failures, 5);
}

}  // namespace
}  // namespace boxlite::vm_test
