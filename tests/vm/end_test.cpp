// The ends of a box, each with its reason, told to the launcher and recorded in the exit file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "vm/box_process.h"

namespace boxlite::vm_test {
namespace {

using proto::ExitReason;
using testing::HasSubstr;
using testing::StartsWith;

class EndTest : public testing::Test {
 protected:
  // Waits for the process and checks that the launcher and the file were told the same.
  proto::BoxExit End() {
    auto told = box_.owner().Closed<proto::BoxExit>(box_.launch_stream());
    EXPECT_EQ(box_.WaitEnd(), 0);
    EXPECT_EQ(proto::Encode(box_.ExitRecord()), proto::Encode(told));
    EXPECT_GT(told.at_ms, 0u);
    return told;
  }

  BoxProcess box_;
};

TEST_F(EndTest, GuestPanics_IsToldWithTheKernelsLines) {
  box_.Launch();
  uint32_t stream =
      box_.owner().Open(Command({"sh", "-c", "echo c >/proc/sysrq-trigger; sleep 9"}));
  proto::BoxExit exit = End();
  EXPECT_EQ(exit.reason, ExitReason::kPanic);
  EXPECT_THAT(exit.detail, StartsWith("Kernel panic - not syncing"));
  EXPECT_THAT(exit.kernel_log, HasSubstr("Kernel panic"));
  EXPECT_THAT(box_.Log(), HasSubstr("Kernel panic"));
  EXPECT_TRUE(box_.owner().at(stream).over());
}

TEST_F(EndTest, MainExecutionEnds_StopsTheBoxWithItsExitCode) {
  box_.Launch();
  proto::Exec exec = Command({"sh", "-c", "exit 7"});
  exec.flags = proto::kExecMain;
  uint32_t stream = box_.owner().Open(exec);
  EXPECT_EQ(box_.owner().Closed<proto::ExecClosed>(stream).exit_code, 7);
  proto::BoxExit exit = End();
  EXPECT_EQ(exit.reason, ExitReason::kMainExited);
  EXPECT_EQ(exit.has_exit_code, 1);
  EXPECT_EQ(exit.exit_code, 7);
}

TEST_F(EndTest, Terminated_StopsInOrder) {
  box_.Launch();
  ::kill(box_.pid(), SIGTERM);
  EXPECT_EQ(End().reason, ExitReason::kStopped);
}

TEST_F(EndTest, StopWithoutTimeout_EndsAtOnce) {
  box_.Launch();
  uint32_t stream = box_.owner().Open(proto::Stop{});
  EXPECT_EQ(box_.owner().Closed<proto::Closed>(stream).status.code, 0);
  EXPECT_EQ(End().reason, ExitReason::kStopped);
}

TEST_F(EndTest, LaunchCancelledWhileBooting_EndsTheProcess) {
  uint32_t stream = box_.owner().Open(BoxProcess::DefaultLaunch());
  box_.owner().Send(proto::Kind::kCancel, stream, {});
  EXPECT_EQ(box_.owner().Refused(stream).code, static_cast<int32_t>(Code::kCancelled));
  EXPECT_EQ(box_.WaitEnd(), 0);
  EXPECT_EQ(box_.ExitRecord().reason, ExitReason::kStopped);
}

TEST_F(EndTest, OwnerGone_EndsTheBox) {
  box_.Launch();
  box_.owner().Close();
  EXPECT_EQ(box_.WaitEnd(), 0);
  EXPECT_EQ(box_.ExitRecord().reason, ExitReason::kLifeline);
}

TEST_F(EndTest, OwnerOfADetachedBoxGone_BoxAndDetachedExecutionLiveOn) {
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.detached = 1;
  box_.Launch(launch);
  proto::Exec detached =
      Command({"sh", "-c", "while :; do cat /bin/busybox; touch /tmp/alive; done"});
  detached.flags = proto::kExecDetached;
  box_.owner().WaitAccepted(box_.owner().Open(detached));
  proto::Exec attached = Command({"sh", "-c", "exec sleep 4321"});
  box_.owner().WaitAccepted(box_.owner().Open(attached));
  box_.owner().Close();
  auto other = box_.Connect();
  // The detached one's output is taken by boxlite-vm, so that it comes round again and again; the
  // other one is killed with its client.
  Client::Outcome outcome = other->Shell(
      "rm -f /tmp/alive; until [ -e /tmp/alive ]; do sleep 0.1; done; "
      "while ps | grep -q '[s]leep 4321'; do sleep 0.1; done; echo both");
  EXPECT_EQ(outcome.output, "both\n");
  auto info = other->Closed<proto::InfoClosed>(other->Open(proto::InfoRequest{}));
  EXPECT_EQ(info.pid, static_cast<uint32_t>(box_.pid()));
  EXPECT_EQ(info.launched.engine, TestedEngine());
  EXPECT_EQ(other->Closed<proto::Closed>(other->Open(proto::Stop{})).status.code, 0);
  EXPECT_EQ(box_.WaitEnd(), 0);
}

TEST_F(EndTest, VmKilled_LeavesAnEmptyRecord) {
  box_.Launch();
  ::kill(box_.pid(), SIGKILL);
  EXPECT_TRUE(box_.owner().WaitClosed());
  box_.WaitEnd();
  EXPECT_EQ(box_.ExitRecord().reason, ExitReason::kNone);
}

// What lies in a file system in memory is nobody's to give back: every command is killed for it in
// turn, and then there is the agent alone.
TEST_F(EndTest, NothingLeftToKillForMemory_IsOutOfMemory) {
  box_.Launch();
  box_.owner().Shell("mkdir /tmp/full && mount -t tmpfs -o size=100%,nr_inodes=0 full /tmp/full");
  while (!box_.owner().at(box_.launch_stream()).over()) {
    uint32_t stream = box_.owner().Open(Command({"sh", "-c", "cat /dev/zero >/tmp/full/$$"}));
    Stream& fill = box_.owner().at(stream);
    Stream& launch = box_.owner().at(box_.launch_stream());
    ASSERT_TRUE(box_.owner().RunUntil([&] { return fill.over() || launch.over(); }));
  }
  proto::BoxExit exit = End();
  EXPECT_EQ(exit.reason, ExitReason::kOutOfMemory);
  EXPECT_EQ(exit.detail, "Kernel panic - not syncing: System is deadlocked on memory");
  EXPECT_THAT(exit.kernel_log, HasSubstr("System is deadlocked on memory"));
}

// A guest may ask its kernel to panic rather than to choose whom to kill.
TEST_F(EndTest, PanicForWantOfMemory_IsOutOfMemory) {
  box_.Launch();
  box_.owner().Open(Command({"sh", "-c", "echo 2 >/proc/sys/vm/panic_on_oom; tail /dev/zero"}));
  proto::BoxExit exit = End();
  EXPECT_EQ(exit.reason, ExitReason::kOutOfMemory);
  EXPECT_THAT(exit.kernel_log, HasSubstr("panic_on_oom is enabled"));
}

// One that can be ended is, and nobody else hears of it.
TEST_F(EndTest, CommandThatTakesAllMemory_IsKilledAndTheBoxGoesOn) {
  box_.Launch();
  Client::Outcome greedy = box_.owner().Shell("exec tail /dev/zero");
  EXPECT_EQ(greedy.closed.exit_code, -SIGKILL);
  EXPECT_EQ(box_.owner().Shell("echo here").output, "here\n");
}

TEST_F(EndTest, KernelRestartsAtOnce_IsAReset) {
  box_.Launch();
  box_.owner().Open(Command({"sh", "-c", "echo b >/proc/sysrq-trigger; sleep 9"}));
  proto::BoxExit exit = End();
  EXPECT_EQ(exit.reason, ExitReason::kReset);
  EXPECT_THAT(exit.detail, HasSubstr("restarted"));
  EXPECT_EQ(exit.kernel_log, box_.Log());  // No kernel says anything here; what it says is told.
}

// Without a switch nothing comes of it but a guest that is deaf.
TEST_F(EndTest, GuestSwitchesItsMachineOff_IsAReset) {
  for (const char* how :
       {"echo o >/proc/sysrq-trigger", "busybox poweroff -f", "busybox halt -f"}) {
    BoxProcess box;
    box.Launch();
    uint32_t stream = box.owner().Open(Command({"sh", "-c", std::string(how) + "; sleep 99"}));
    box.owner().WaitOver(stream);
    box.WaitEnd();
    proto::BoxExit exit = box.ExitRecord();
    EXPECT_EQ(exit.reason, ExitReason::kReset) << how;
    EXPECT_THAT(exit.detail, HasSubstr("switched its machine off")) << how;
  }
}

}  // namespace
}  // namespace boxlite::vm_test
