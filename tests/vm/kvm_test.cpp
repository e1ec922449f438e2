// What only the kvm engine has: its choice, its own words for a kernel that is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <fstream>
#include <iterator>

#include "hostile/eventually.h"
#include "hostile/held_disk.h"
#include "vm/box_process.h"
#include "vm/failed_launch.h"

namespace boxlite::vm_test {
namespace {

using hostile_test::Eventually;
using hostile_test::HeldDisk;
using testing::HasSubstr;

Bytes ContentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

// Whether the process ends at all; it stays to be waited for.
bool Ends(pid_t pid) {
  return Eventually([pid] {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid;
  });
}

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

// A read that hangs holds a disk's thread. It neither keeps a box from being stopped nor its
// process from ending.
TEST(Kvm, HostsDiskThatHangs_KeepsNobody) {
  BoxFiles files = DefaultFiles();
  auto disk = HeldDisk::Create(ContentOf(files.root_disk)).TakeValue();
  files.root_disk = disk->path();
  BoxProcess box(files);
  box.Launch();
  disk->Hold();
  box.owner().Open(Command({"sh", "-c", "cat /dev/vda >/dev/null"}));
  ASSERT_TRUE(Eventually([&disk] { return disk->held() > 0; }));
  uint32_t stop = box.owner().Open(proto::Stop{});
  EXPECT_EQ(box.owner().Closed<proto::Closed>(stop).status.code, 0);
  EXPECT_EQ(box.ExitRecord().reason, proto::ExitReason::kStopped);
  ASSERT_TRUE(Ends(box.pid()));
  EXPECT_EQ(box.WaitEnd(), 0);
  EXPECT_GT(disk->held(), 0u);
}

}  // namespace
}  // namespace boxlite::vm_test
