// A box from LAUNCH to its end: the real program, a real guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>

#include "base/clock.h"
#include "vm/box_process.h"

namespace boxlite::vm_test {
namespace {

using proto::ExitReason;
using testing::AnyOf;
using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Launch, Launched_SaysWhatItGotAndRunsACommand) {
  BoxProcess box;
  proto::Launched launched = box.Launch();
  EXPECT_EQ(launched.engine, TestedEngine());
  EXPECT_THAT(launched.engine_reason, StartsWith("asked for; "));
  EXPECT_GT(launched.boot_ms, 0u);
  EXPECT_THAT(launched.agent_build, HasSubstr("agent"));
  EXPECT_THAT(launched.jail, Contains(StartsWith("boxlite-vm namespaces: ")));
  EXPECT_THAT(launched.jail, Contains("boxlite-vm system calls: filtered"));
  Client::Outcome outcome = box.owner().Shell("echo out; echo err >&2; hostname; exit 3");
  EXPECT_EQ(outcome.output, "out\ntestbox\n");
  EXPECT_EQ(outcome.error, "err\n");
  EXPECT_EQ(outcome.closed.exit_code, 3);
}

TEST(Launch, KernelLogAsked_IsInTheLog) {
  BoxProcess box;
  proto::Launch launch = BoxProcess::DefaultLaunch();
  launch.kernel_log = 1;
  box.Launch(launch);
  EXPECT_THAT(box.Log(), HasSubstr("] Linux version 6.12"));
  EXPECT_THAT(box.Log(), HasSubstr("] Run /init as init process\n"));
}

// What the guest's clock shows, in seconds, and the host's time around the reading.
struct ClockReading {
  double guest = 0;
  int64_t before_ns = 0, after_ns = 0;
};

ClockReading ReadGuestClock(Client& client) {
  ClockReading reading;
  reading.before_ns = MonotonicNs();
  std::string uptime = client.Shell("cat /proc/uptime").output;
  reading.after_ns = MonotonicNs();
  reading.guest = std::stod(uptime);
  return reading;
}

// The bounds are what passed on the host, so that a slow host only widens them.
TEST(Launch, GuestsClock_RunsAsTheHostsUnderLoad) {
  BoxProcess box;
  box.Launch();
  EXPECT_THAT(box.owner()
                  .Shell("cat /sys/devices/system/clocksource/clocksource0/current_clocksource")
                  .output,
              AnyOf(StartsWith("tsc"), StartsWith("kvm-clock")));
  ClockReading from = ReadGuestClock(box.owner());
  box.owner().Shell("for i in 1 2 3 4; do dd if=/dev/zero bs=64k count=1000 | md5sum & done; wait");
  ClockReading to = ReadGuestClock(box.owner());
  double guest_s = to.guest - from.guest;
  constexpr double kResolution = 0.02;  // of /proc/uptime, twice
  constexpr double kAccuracy = 0.001;
  EXPECT_GE(guest_s, static_cast<double>(to.before_ns - from.after_ns) / 1e9 * (1 - kAccuracy) -
                         kResolution);
  EXPECT_LE(guest_s, static_cast<double>(to.after_ns - from.before_ns) / 1e9 * (1 + kAccuracy) +
                         kResolution);
}

TEST(Stop, WithTimeout_ShutsDownInOrder) {
  BoxProcess box;
  box.Launch();
  uint32_t sleeper = box.owner().Open(Command({"sleep", "1000"}));
  box.owner().WaitAccepted(sleeper);
  proto::Stop stop;
  stop.timeout_ms = 10'000;
  uint32_t stream = box.owner().Open(stop);
  EXPECT_EQ(box.owner().Closed<proto::Closed>(stream).status.code, 0);
  auto exit = box.owner().Closed<proto::BoxExit>(box.launch_stream());
  EXPECT_EQ(exit.reason, ExitReason::kStopped);
  EXPECT_TRUE(box.owner().at(sleeper).over());
  EXPECT_EQ(box.WaitEnd(), 0);
  EXPECT_EQ(box.ExitRecord().reason, ExitReason::kStopped);
  EXPECT_EQ(box.ExitRecord().detail, "it was asked to stop");
}

}  // namespace
}  // namespace boxlite::vm_test
