// The agent from boot to shutdown, and its connection, in a real guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/clock.h"
#include "guest/machine.h"

namespace boxlite::guest_test {
namespace {

using testing::HasSubstr;

constexpr size_t kOutput = 1;

// The kernel announces a restart as an emergency; nothing else may be on the console.
auto OnlyTheRestart() {
  return testing::MatchesRegex("\\[ *[0-9.]+\\] reboot: Restarting system\r\n");
}

TEST(Boot, NotConfigured_RefusesToExecute) {
  Machine machine;
  Stream& stream = machine.WaitOver(machine.Open(Command({"true"})));
  ASSERT_TRUE(stream.refusal);
  EXPECT_EQ(stream.refusal->code, static_cast<int>(Code::kInvalidState));
}

TEST(Boot, WithoutEntropy_DoesNotConfigure) {
  Machine machine;
  proto::Configure request;
  request.root_device = "vda";
  auto closed = machine.Closed<proto::Closed>(machine.Open(request));
  EXPECT_EQ(closed.status.code, static_cast<int>(Code::kInvalidArgument));
  Stream& stream = machine.WaitOver(machine.Open(Command({"true"})));
  ASSERT_TRUE(stream.refusal);
  EXPECT_THAT(stream.refusal->message, HasSubstr("could not be configured"));
}

TEST(Boot, Configured_IsTheBoxAsked) {
  Machine machine;
  machine.Configure();
  EXPECT_EQ(machine.Run({"hostname"}).output, "guest-test\n");
  EXPECT_EQ(machine.Shell("cat /etc/hostname; ls -d /srv/here; stat -c %a /tmp").output,
            "guest-test\n/srv/here\n1777\n");
  EXPECT_THAT(machine.Shell("cat /etc/hosts").output, HasSubstr("127.0.0.1\tlocalhost"));
  EXPECT_NE(machine.Shell("cat /etc/machine-id").output, std::string(32, '0') + "\n");
  EXPECT_EQ(machine.Shell("cat /etc/machine-id | wc -c").output, "33\n");
  EXPECT_EQ(machine.Shell("ping -c 1 -q 127.0.0.1 >/dev/null && echo up").output, "up\n");
  EXPECT_EQ(machine.Shell("mkdir /etc/d; mv /etc /etc2 && cat /etc2/hostname").output,
            "guest-test\n");
  int64_t guest_s = std::atoll(machine.Run({"date", "+%s"}).output.c_str());
  EXPECT_NEAR(static_cast<double>(guest_s), static_cast<double>(RealtimeMs() / 1000), 60);
  Stream& again = machine.WaitOver(machine.Open(proto::Configure()));
  ASSERT_TRUE(again.refusal);
  EXPECT_EQ(again.refusal->code, static_cast<int>(Code::kInvalidState));
}

TEST(Boot, UnknownOperationsAndKinds_AreAnswered) {
  Machine machine;
  proto::InfoRequest unknown;
  Stream& stream = machine.WaitOver(machine.Open(unknown));
  ASSERT_TRUE(stream.refusal);
  EXPECT_EQ(stream.refusal->code, static_cast<int>(Code::kUnsupported));
  uint32_t malformed = machine.Open(proto::OpenHeader());
  EXPECT_TRUE(machine.WaitOver(malformed).refusal);
  machine.Send(static_cast<proto::Kind>(77), 0, {});
  machine.RunUntil([&] { return machine.unsupported() == 1; });
}

TEST(Connection, HostGone_EndsItsExecutionsAndGreetsTheNext) {
  Machine machine;
  machine.Configure();
  uint32_t stream = machine.Open(Command({"sh", "-c", "setsid sleep 1000 & yes"}));
  machine.RunUntil([&] { return machine.at(stream).received[kOutput] > 0; });
  machine.Reconnect();
  EXPECT_EQ(machine.Shell("until ! pidof yes sleep; do :; done").closed.exit_code, 0);
  EXPECT_EQ(machine.Shell("ls -d /sys/fs/cgroup/box/exec-* | wc -l").output, "1\n");
}

TEST(Connection, HostBreaksTheProtocol_IsGreetedAnew) {
  Machine machine;
  machine.Configure();
  uint32_t stream = machine.Open(Command({"sleep", "1000"}));
  machine.WaitAccepted(stream);
  int hellos = machine.hellos();
  machine.Send(proto::Kind::kOpen, stream, {});  // a number in use
  machine.RunUntil([&] { return machine.hellos() > hellos; });
  machine.SayHello();
  EXPECT_EQ(machine.Shell("until ! pidof sleep; do :; done").closed.exit_code, 0);
}

TEST(Shutdown, Asked_EndsProcessesAndSaysBye) {
  Machine machine;
  machine.Configure();
  uint32_t stream = machine.Open(Command(
      {"sh", "-c", "trap 'echo bye >/kept; echo bye; exit 5' TERM; echo up; while :; do :; done"}));
  uint32_t deaf = machine.Open(Command({"sh", "-c", "trap '' TERM; echo up; while :; do :; done"}));
  machine.RunUntil([&] {
    return machine.at(stream).data[kOutput] == "up\n" && machine.at(deaf).data[kOutput] == "up\n";
  });
  proto::Shutdown request;
  request.grace_ms = 1500;
  uint32_t shutdown = machine.Open(request);
  auto closed = machine.Closed<proto::Closed>(shutdown);
  EXPECT_EQ(closed.status.code, 0);
  EXPECT_EQ(machine.at(stream).data[kOutput], "up\nbye\n");
  EXPECT_EQ(machine.Closed<proto::ExecClosed>(stream).exit_code, 5);
  EXPECT_EQ(machine.Closed<proto::ExecClosed>(deaf).exit_code, -9);
  EXPECT_THAT(machine.WaitForEnd(), OnlyTheRestart());
  EXPECT_TRUE(machine.said_bye());
  // Clean, and with what was written.
  std::string check = "e2fsck -fn " + machine.scratch() + " >/dev/null 2>&1";
  EXPECT_EQ(std::system(check.c_str()), 0);
  std::string look = "debugfs -R 'cat /upper/kept' " + machine.scratch() + " 2>&1 | grep -q ^bye";
  EXPECT_EQ(std::system(look.c_str()), 0);
}

TEST(Shutdown, OfAnIdleBox_IsQuick) {
  Machine machine;
  machine.Configure();
  proto::Shutdown request;
  request.grace_ms = 80'000;
  int64_t started = MonotonicMs();
  machine.Closed<proto::Closed>(machine.Open(request));
  EXPECT_THAT(machine.WaitForEnd(), OnlyTheRestart());
  EXPECT_LT(MonotonicMs() - started, 80'000) << "nobody was left to wait for";
}

}  // namespace
}  // namespace boxlite::guest_test
