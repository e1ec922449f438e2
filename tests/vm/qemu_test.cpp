// What a box on the qemu engine has beside its guest: a process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "vm/box_process.h"
#include "vm/failed_launch.h"
#include "vm/process_state.h"

namespace boxlite::vm_test {
namespace {

namespace fs = std::filesystem;
using proto::ExitReason;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST(Qemu, Launched_NamesItsJail) {
  BoxProcess box;
  proto::Launched launched = box.Launch();
  EXPECT_EQ(launched.isolation, proto::Isolation::kSoftware);
  EXPECT_THAT(launched.jail, Contains(StartsWith("qemu namespaces: ")));
}

TEST(Qemu, Killed_IsTold) {
  BoxProcess box;
  box.Launch();
  uint32_t stream = box.owner().Open(Command({"sleep", "1000"}));
  box.owner().WaitAccepted(stream);
  ASSERT_GT(box.QemuPid(), 0);
  ::kill(box.QemuPid(), SIGKILL);
  auto exit = box.owner().Closed<proto::BoxExit>(box.launch_stream());
  EXPECT_EQ(exit.reason, ExitReason::kKilled);
  EXPECT_THAT(exit.detail, HasSubstr("signal 9"));
  auto closed = box.owner().Closed<proto::ExecClosed>(stream);
  EXPECT_EQ(closed.status.code, static_cast<int32_t>(Code::kStopped));
  EXPECT_EQ(box.WaitEnd(), 0);
}

// The words of a QEMU that ends by itself are its last line of errors. This one is a script that
// runs the real one, in the jail, until that is killed.
TEST(Qemu, GivesUp_IsAnEngineFailureInItsWords) {
  std::string pattern = fs::temp_directory_path() / "boxlite-qemu-XXXXXX";
  std::string folder = ::mkdtemp(pattern.data());
  fs::create_directory(folder + "/bin");
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.qemu_path = folder + "/bin/qemu";
  std::ofstream(launch.qemu_path) << "#!/bin/sh\n/usr/bin/qemu-system-x86_64 \"$@\" 2>/dev/null &\n"
                                  << "wait $!; echo tired >&2; exit 3\n";
  fs::permissions(launch.qemu_path, fs::perms::owner_all);
  BoxProcess box;
  box.Launch(launch);
  ::kill(OnlyChildOf(box.QemuPid()), SIGKILL);
  auto exit = box.owner().Closed<proto::BoxExit>(box.launch_stream());
  EXPECT_EQ(exit.reason, ExitReason::kEngine);
  EXPECT_EQ(exit.detail, "QEMU ended with status 3: tired");
  EXPECT_EQ(box.WaitEnd(), 0);
  EXPECT_EQ(box.ExitRecord().reason, ExitReason::kEngine);
  fs::remove_all(folder);
}

TEST(Qemu, OwnerGone_GoesAsWell) {
  BoxProcess box;
  box.Launch();
  pid_t qemu = box.QemuPid();
  box.owner().Close();
  EXPECT_EQ(box.WaitEnd(), 0);
  EXPECT_LT(::kill(qemu, 0), 0);
}

TEST(Qemu, VmKilled_TakesItAlong) {
  BoxProcess box;
  box.Launch();
  pid_t qemu = box.QemuPid();
  ::kill(box.pid(), SIGKILL);
  EXPECT_TRUE(box.owner().WaitClosed());
  box.WaitEnd();
  // It is nobody's child of ours; its death shows when its memory and descriptors are gone.
  while (::kill(qemu, 0) == 0) ::usleep(1000);
}

TEST(Qemu, Missing_SaysWhatToInstall) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.qemu_path = "/nowhere/qemu";
  Failure failure = LaunchFails(launch);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_THAT(failure.refusal.message, HasSubstr("/nowhere/qemu"));
  EXPECT_THAT(failure.refusal.hint, HasSubstr("qemu-system-x86"));
  EXPECT_EQ(failure.exit.reason, ExitReason::kBoot);
}

TEST(Qemu, KernelThatIsNone_IsToldInItsWords) {
  BoxFiles files = DefaultFiles();
  files.kernel = "/bin/sh";
  Failure failure = LaunchFails(BoxProcess::DefaultLaunch(), files);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_THAT(failure.refusal.message, HasSubstr("QEMU ended with status 1"));
}

// A speed that is known is believed, so that both sides of the choice can be seen on any host that
// has /dev/kvm; one that has none gives the same answer for another reason.
TEST(Qemu, KvmThatInterprets_IsNotChosenAndRefusedByName) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.engine = proto::Engine::kAuto;
  launch.kvm_speed = 3;
  BoxProcess box;
  proto::Launched launched = box.Launch(launch);
  EXPECT_EQ(launched.engine, proto::Engine::kQemu);
  EXPECT_THAT(launched.engine_reason, HasSubstr("/dev/kvm"));
  launch.isolation = proto::Isolation::kHardware;
  Failure failure = LaunchFails(launch);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_THAT(failure.refusal.message, HasSubstr("hardware isolation"));
  launch.isolation = proto::Isolation::kAny;
  launch.engine = proto::Engine::kKvm;
  failure = LaunchFails(launch);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_THAT(failure.refusal.message, HasSubstr("/dev/kvm"));
  // Another engine would not do either, so none is proposed.
  launch.isolation = proto::Isolation::kHardware;
  failure = LaunchFails(launch);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_THAT(failure.refusal.hint, Not(HasSubstr("auto")));
}

}  // namespace
}  // namespace boxlite::vm_test
