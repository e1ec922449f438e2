// Executions, in a real guest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>

#include "guest/machine.h"

namespace boxlite::guest_test {
namespace {

using proto::Channel;

using proto::ExecClosed;
using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kOutput = static_cast<size_t>(Channel::kOutput);
constexpr auto kError = static_cast<size_t>(Channel::kError);

class Execution : public testing::Test {
 protected:
  Execution() { machine_.Configure(); }

  // No process of an execution is left, and no cgroup.
  void ExpectNothingLeft() {
    auto outcome = machine_.Shell("ls -d /sys/fs/cgroup/box/exec-* | wc -l");
    EXPECT_EQ(outcome.output, "1\n") << "only the one that asks";
  }
  proto::ErrorRecord Refused(proto::Exec request) {
    Stream& stream = machine_.WaitOver(machine_.Open(std::move(request)));
    EXPECT_FALSE(stream.accepted);
    return stream.refusal.value_or(proto::ErrorRecord());
  }
  static proto::Exec As(std::string user, std::vector<std::string> argv) {
    proto::Exec request = Command(std::move(argv));
    request.user = std::move(user);
    return request;
  }

  Machine machine_;
};

TEST_F(Execution, Streams_AreSeparateAndWhole) {
  auto outcome = machine_.Shell("echo out; echo err >&2; printf 'a\\0b'; exit 7");
  EXPECT_EQ(outcome.output, std::string("out\na\0b", 7));
  EXPECT_EQ(outcome.error, "err\n");
  EXPECT_EQ(outcome.closed.exit_code, 7);
  ExpectNothingLeft();
}

TEST_F(Execution, Stdin_ArrivesWholeAndEnds) {
  std::string data(8 * 1024 * 1024, 'x');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 + i / 4096);
  proto::Exec request = Command({"cat"});
  request.flags = proto::kExecStdin;
  uint32_t stream = machine_.Open(request);
  machine_.SendAll(stream, data);
  EXPECT_EQ(machine_.Closed<ExecClosed>(stream).exit_code, 0);
  EXPECT_TRUE(machine_.at(stream).data[kOutput] == data);
}

TEST_F(Execution, StdinNotAskedFor_IsEmpty) {
  EXPECT_EQ(machine_.Shell("cat; readlink /proc/self/fd/0").output, "/dev/null\n");
}

TEST_F(Execution, StdinOfEndedProcess_IsDropped) {
  proto::Exec request = Command({"sh", "-c", "exec <&-; sleep 1"});
  request.flags = proto::kExecStdin;
  uint32_t stream = machine_.Open(request);
  machine_.SendAll(stream, std::string(4 * 1024 * 1024, 'x'));
  EXPECT_EQ(machine_.Closed<ExecClosed>(stream).exit_code, 0);
}

TEST_F(Execution, Environment_IsTheRequestsAndHome) {
  EXPECT_EQ(machine_.Run({"env"}).output, "PATH=/usr/bin:/bin\nHOME=/root\n");
  uint32_t stream = machine_.Open(As("user", {"sh", "-c", "echo $HOME; id; pwd; umask"}));
  machine_.WaitOver(stream);
  EXPECT_EQ(machine_.at(stream).data[kOutput],
            "/home/user\nuid=1000(user) gid=1000(user) groups=50(staff)\n/root\n0022\n");
}

TEST_F(Execution, NoDirectoryNamed_IsRootsHomeOrTheRoot) {
  EXPECT_EQ(machine_.Run({"pwd"}).output, "/root\n");
  machine_.Shell("mv /root /elsewhere; touch /root");
  EXPECT_EQ(machine_.Run({"pwd"}).output, "/\n");
  proto::Exec request = Command({"pwd"});
  request.cwd = "/srv/here";
  uint32_t stream = machine_.Open(request);
  machine_.WaitOver(stream);
  EXPECT_EQ(machine_.at(stream).data[kOutput], "/srv/here\n");
}

TEST_F(Execution, Child_InheritsNothingOfTheAgents) {
  auto outcome = machine_.Shell(
      "ls /proc/self/fd | wc -l; grep -E '^(SigBlk|SigIgn|SigCgt)' /proc/self/status; ulimit -n");
  // 0, 1, 2 and the directory that ls reads.
  EXPECT_EQ(outcome.output,
            "4\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t"
            "0000000000000000\n1024\n");
}

TEST_F(Execution, UserByNumberAndGroup_IsTaken) {
  uint32_t stream = machine_.Open(
      As("4321:staff", {"sh", "-c", "id -u; id -G; echo $HOME; echo x >/dev/stdout"}));
  machine_.WaitOver(stream);
  EXPECT_EQ(machine_.at(stream).data[kOutput], "4321\n50\n/\nx\n");
}

TEST_F(Execution, WhatCannotRun_IsRefused) {
  auto missing = Refused(Command({"nowhere"}));
  EXPECT_EQ(missing.code, static_cast<int>(Code::kExecution));
  EXPECT_EQ(missing.os_errno, ENOENT);
  EXPECT_EQ(missing.message, "command not found: nowhere (searched PATH=/usr/bin:/bin)");
  auto forbidden = Refused(Command({"/etc/not-executable"}));
  EXPECT_EQ(forbidden.code, static_cast<int>(Code::kExecution));
  EXPECT_EQ(forbidden.os_errno, EACCES);
  auto interpreter = Refused(Command({"no-interpreter"}));
  EXPECT_EQ(interpreter.os_errno, ENOENT);
  EXPECT_THAT(interpreter.message, HasSubstr("interpreter"));
  EXPECT_EQ(Refused(Command({})).code, static_cast<int>(Code::kInvalidArgument));

  proto::Exec directory = Command({"true"});
  directory.cwd = "/not/there";
  auto cwd = Refused(directory);
  EXPECT_EQ(cwd.code, static_cast<int>(Code::kInvalidArgument));
  EXPECT_THAT(cwd.message, HasSubstr("/not/there"));
  auto user = Refused(As("nobody-knows", {"true"}));
  EXPECT_EQ(user.code, static_cast<int>(Code::kInvalidArgument));
  EXPECT_THAT(user.message, HasSubstr("nobody-knows"));
  auto limit = Command({"true"});
  limit.limits.push_back({9999, 1});
  EXPECT_EQ(Refused(limit).code, static_cast<int>(Code::kInvalidArgument));
  ExpectNothingLeft();
}

TEST_F(Execution, TwoMegabytesOfArguments_AreRefused) {
  std::vector<std::string> argv = {"true"};
  for (int i = 0; i < 20; ++i) argv.emplace_back(105'000, 'x');
  auto refusal = Refused(Command(argv));
  EXPECT_EQ(refusal.code, static_cast<int>(Code::kExecution));
  EXPECT_EQ(refusal.os_errno, E2BIG);
  EXPECT_EQ(machine_.Run({"true"}).closed.exit_code, 0);
}

TEST_F(Execution, Limits_AreSet) {
  proto::Exec request = Command({"sh", "-c", "ulimit -n; ulimit -Hn"});
  request.limits.push_back({7, 99});  // RLIMIT_NOFILE
  uint32_t stream = machine_.Open(request);
  machine_.WaitOver(stream);
  EXPECT_EQ(machine_.at(stream).data[kOutput], "99\n99\n");
}

TEST_F(Execution, Timeout_EndsTheWholeTree) {
  proto::Exec request = Command({"sh", "-c", "setsid sleep 1000 & echo started; sleep 1000"});
  request.timeout_ms = 500;
  uint32_t stream = machine_.Open(request);
  auto closed = machine_.Closed<ExecClosed>(stream);
  EXPECT_EQ(closed.timed_out, 1);
  EXPECT_EQ(closed.exit_code, -SIGKILL);
  EXPECT_GE(closed.duration_ms, 500u);
  EXPECT_EQ(machine_.Shell("pidof sleep").output, "");
  ExpectNothingLeft();
}

TEST_F(Execution, Signals_ReachProcessOrTree) {
  uint32_t stream = machine_.Open(
      Command({"sh", "-c", "trap 'echo got; exit 3' TERM; echo up; while :; do :; done"}));
  machine_.RunUntil([&] { return machine_.at(stream).data[kOutput] == "up\n"; });
  proto::SignalEvent signal;
  signal.number = SIGTERM;
  machine_.SendEvent(stream, signal);
  EXPECT_EQ(machine_.Closed<ExecClosed>(stream).exit_code, 3);
  EXPECT_EQ(machine_.at(stream).data[kOutput], "up\ngot\n");

  stream = machine_.Open(Command({"sh", "-c", "setsid sleep 1000 & echo up; exec sleep 1000"}));
  machine_.RunUntil([&] { return machine_.at(stream).data[kOutput] == "up\n"; });
  signal.number = SIGINT;
  signal.scope = proto::SignalScope::kTree;
  machine_.SendEvent(stream, signal);
  EXPECT_EQ(machine_.Closed<ExecClosed>(stream).exit_code, -SIGINT);
}

TEST_F(Execution, Cancel_EndsTheWholeTree) {
  uint32_t stream = machine_.Open(Command({"sh", "-c", "setsid yes & yes"}));
  machine_.RunUntil([&] { return machine_.at(stream).received[kOutput] > 0; });
  machine_.Send(proto::Kind::kCancel, stream, {});
  EXPECT_EQ(machine_.Closed<ExecClosed>(stream).exit_code, -SIGKILL);
  EXPECT_EQ(machine_.Shell("pidof yes").output, "");
  ExpectNothingLeft();
}

TEST_F(Execution, BackgroundProcess_LivesOnAndDoesNotHoldTheExit) {
  auto outcome = machine_.Shell(
      "(trap 'echo PIPE >/tmp/piped' PIPE; for i in 1 2 3 4 5 6 7 8; do sleep 0.1; echo still; "
      "done;"
      " echo done >/tmp/done; sleep 1000) & echo main");
  EXPECT_THAT(outcome.output, StartsWith("main\n"));
  EXPECT_EQ(outcome.closed.exit_code, 0);
  auto later = machine_.Shell(
      "until [ -e /tmp/done ]; do sleep 0.1; done; ls /tmp/piped; pidof sleep | wc -w");
  EXPECT_EQ(later.output, "1\n");
}

TEST_F(Execution, Terminal_IsTheUsersAndControls) {
  proto::Exec request =
      As("user", {"sh", "-c", "tty; stty size; stat -c %U:%G:%a $(tty); exec cat >&2"});
  request.flags = proto::kExecTty | proto::kExecStdin;
  request.rows = 33;
  request.columns = 99;
  uint32_t stream = machine_.Open(request);
  machine_.RunUntil(
      [&] { return machine_.at(stream).data[kOutput].find(":") != std::string::npos; });
  EXPECT_EQ(machine_.at(stream).data[kOutput], "/dev/pts/0\r\n33 99\r\nuser:tty:620\r\n");
  machine_.SendAll(stream, "hello\n");  // and the end-of-file character
  EXPECT_EQ(machine_.Closed<ExecClosed>(stream).exit_code, 0);
  EXPECT_THAT(machine_.at(stream).data[kOutput], HasSubstr("hello\r\nhello\r\n"));
  EXPECT_EQ(machine_.at(stream).data[kError], "");
}

TEST_F(Execution, TerminalResizedAndInterrupted_IsTold) {
  proto::Exec request = Command(
      {"sh", "-c",
       "trap 'stty size; trap - INT; echo again' WINCH; echo up; while :; do sleep 0.1; done"});
  request.flags = proto::kExecTty | proto::kExecStdin;
  uint32_t stream = machine_.Open(request);
  machine_.RunUntil(
      [&] { return machine_.at(stream).data[kOutput].find("up") != std::string::npos; });
  proto::ResizeEvent resize;
  resize.rows = 40;
  resize.columns = 120;
  machine_.SendEvent(stream, resize);
  machine_.RunUntil(
      [&] { return machine_.at(stream).data[kOutput].find("again") != std::string::npos; });
  EXPECT_THAT(machine_.at(stream).data[kOutput], HasSubstr("40 120"));
  machine_.Send(proto::Kind::kData, stream, AsBytes("\003"));
  EXPECT_EQ(machine_.Closed<ExecClosed>(stream).exit_code, -SIGINT);
}

TEST_F(Execution, FiftyAtOnce_AllEnd) {
  std::vector<uint32_t> streams;
  for (int i = 0; i < 50; ++i) {
    streams.push_back(machine_.Open(Command({"sh", "-c", "sleep 0.2; echo " + std::to_string(i)})));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(machine_.Closed<ExecClosed>(streams[i]).exit_code, 0);
    EXPECT_EQ(machine_.at(streams[i]).data[kOutput], std::to_string(i) + "\n");
  }
  ExpectNothingLeft();
}

TEST_F(Execution, SlowReader_StopsItsOwnProcessOnly) {
  uint32_t slow = machine_.Open(Command({"head", "-c", "33554432", "/dev/zero"}));
  machine_.at(slow).credit = Credit::kWithheld;
  machine_.RunUntil([&] { return machine_.at(slow).received[kOutput] == kWindow; });
  auto other = machine_.Shell("head -c 33554432 /dev/zero | tail -c 3; head -c 6291456 /dev/zero");
  EXPECT_EQ(other.output.size(), 6291456u + 3);
  EXPECT_EQ(machine_.at(slow).received[kOutput], kWindow) << "more than was granted";
  EXPECT_FALSE(machine_.at(slow).over());
  machine_.at(slow).credit = Credit::kGranted;
  machine_.Grant(slow, Channel::kOutput, kWindow);
  EXPECT_EQ(machine_.Closed<ExecClosed>(slow).exit_code, 0);
  EXPECT_EQ(machine_.at(slow).received[kOutput], 33554432u);
}

TEST_F(Execution, OutputWithoutCredit_IsDeliveredBeforeTheExit) {
  proto::Exec request = Command({"sh", "-c", "echo late; echo err >&2"});
  request.window = 0;
  uint32_t stream = machine_.Open(request);
  machine_.WaitAccepted(stream);
  machine_.Shell("sleep 1");
  EXPECT_FALSE(machine_.at(stream).over());
  machine_.Grant(stream, Channel::kOutput, 100);
  machine_.Grant(stream, Channel::kError, 100);
  EXPECT_EQ(machine_.Closed<ExecClosed>(stream).exit_code, 0);
  EXPECT_EQ(machine_.at(stream).data[kOutput], "late\n");
  EXPECT_EQ(machine_.at(stream).data[kError], "err\n");
}

TEST_F(Execution, UserNamespaces_Work) {
  EXPECT_EQ(machine_.Run({"unshare", "-U", "-r", "id", "-u"}).output, "0\n");
}

}  // namespace
}  // namespace boxlite::guest_test
