// What only the kvm engine has: its choice, its own words for a kernel that is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vm/box_process.h"
#include "vm/failed_launch.h"

namespace boxlite::vm_test {
namespace {

using testing::HasSubstr;

TEST(Kvm, Auto_IsHardwareIsolationAtTheMeasuredSpeed) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.engine = proto::Engine::kAuto;
  launch.isolation = proto::Isolation::kHardware;
  BoxProcess box;
  proto::Launched launched = box.Launch(launch);
  EXPECT_EQ(launched.engine, proto::Engine::kKvm);
  EXPECT_EQ(launched.isolation, proto::Isolation::kHardware);
  EXPECT_GE(launched.kvm_speed, 100u);
  EXPECT_THAT(launched.engine_reason, HasSubstr("hardware virtualization"));
  EXPECT_EQ(box.QemuPid(), -1);
}

TEST(Kvm, MoreProcessorsThanItHas_IsNamed) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.cpus = 33;
  Failure failure = LaunchFails(launch);
  EXPECT_EQ(CodeOf(failure), Code::kInvalidArgument);
  EXPECT_THAT(failure.refusal.message, HasSubstr("at most 32 processors"));
}

TEST(Kvm, KernelThatIsNone_IsToldBeforeAnythingRuns) {
  BoxFiles files = DefaultFiles();
  files.kernel = "/etc/passwd";
  Failure failure = LaunchFails(BoxProcess::DefaultLaunch(), files);
  EXPECT_EQ(CodeOf(failure), Code::kEngine);
  EXPECT_THAT(failure.refusal.message, HasSubstr("ELF"));
  EXPECT_EQ(failure.exit.reason, proto::ExitReason::kBoot);
}

}  // namespace
}  // namespace boxlite::vm_test
