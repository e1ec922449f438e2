// Clients of a running box: files, several at once, one that misbehaves, much output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>

#include "vm/box_process.h"

namespace boxlite::vm_test {
namespace {

using proto::Channel;
using proto::Kind;
using testing::HasSubstr;

class ClientTest : public testing::Test {
 protected:
  void SetUp() override { box_.Launch(); }
  BoxProcess box_;
};

TEST_F(ClientTest, File_WrittenAndReadBack_IsTheSame) {
  std::string content(3'000'000, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 7 + i / 256);
  proto::WriteFile write;
  write.path = "/data/file";
  uint32_t stream = box_.owner().Open(write);
  box_.owner().WaitAccepted(stream);
  box_.owner().SendAll(stream, content);
  EXPECT_EQ(box_.owner().Closed<proto::Closed>(stream).status.code, 0);
  proto::ReadFile read;
  read.window = kWindow;
  read.path = "/data/file";
  stream = box_.owner().Open(read);
  EXPECT_EQ(box_.owner().Closed<proto::Closed>(stream).status.code, 0);
  EXPECT_TRUE(box_.owner().at(stream).data[1] == content);
}

TEST_F(ClientTest, ManyExecutionsAtOnce_EachGetsItsOwnOutput) {
  std::vector<uint32_t> streams;
  for (int i = 0; i < 50; ++i)
    streams.push_back(
        box_.owner().Open(Command({"sh", "-c", "sleep 0.2; echo " + std::to_string(i)})));
  for (int i = 0; i < 50; ++i) {
    box_.owner().WaitOver(streams[static_cast<size_t>(i)]);
    EXPECT_EQ(box_.owner().at(streams[static_cast<size_t>(i)]).data[1], std::to_string(i) + "\n");
  }
}

TEST_F(ClientTest, SlowReader_StopsItsOwnProcessOnly) {
  uint32_t slow = box_.owner().Open(Command({"sh", "-c", "while :; do cat /bin/busybox; done"}));
  box_.owner().at(slow).grant = false;
  box_.owner().RunUntil([&] { return box_.owner().at(slow).received[1] == kWindow; });
  EXPECT_EQ(box_.owner().Shell("echo quick").output, "quick\n");
  EXPECT_EQ(box_.owner().at(slow).received[1], kWindow);
  box_.owner().Send(Kind::kCancel, slow, {});
  // What is in the pipes is delivered before the end, so that it needs credit.
  Bytes credit(4);
  StoreLe<uint32_t>(credit.data(), kWindow);
  box_.owner().Send(Kind::kCredit, slow, credit, Channel::kOutput);
  EXPECT_EQ(box_.owner().Closed<proto::ExecClosed>(slow).exit_code, -9);
}

TEST_F(ClientTest, MisbehavingClient_LosesItsConnectionAndNobodyElses) {
  auto bad = box_.Connect();
  uint32_t stream = bad->Open(Command({"sleep", "1000"}));
  bad->WaitAccepted(stream);
  bad->Send(Kind::kEnd, stream, {});
  bad->Send(Kind::kData, stream, AsBytes("after the end"));
  EXPECT_TRUE(bad->WaitClosed());
  auto garbage = box_.Connect();
  garbage->SendRaw(AsBytes(std::string(4096, '\xff')));
  EXPECT_TRUE(garbage->WaitClosed());
  EXPECT_EQ(box_.owner().Shell("echo fine").output, "fine\n");
  EXPECT_EQ(
      box_.owner().Shell("while ps | grep -q '[s]leep 1000'; do sleep 0.1; done").closed.exit_code,
      0);
}

TEST_F(ClientTest, OperationsThatCannotBe_AreRefused) {
  Client& owner = box_.owner();
  EXPECT_EQ(owner.Refused(owner.Open(BoxProcess::DefaultLaunch())).code,
            static_cast<int32_t>(Code::kInvalidState));
  EXPECT_EQ(owner.Refused(owner.Open(proto::Shutdown{})).code,
            static_cast<int32_t>(Code::kUnsupported));
  proto::ErrorRecord missing = owner.Refused(owner.Open(Command({"no-such-command"})));
  EXPECT_EQ(missing.code, static_cast<int32_t>(Code::kExecution));
  EXPECT_EQ(missing.os_errno, ENOENT);
  owner.Send(static_cast<Kind>(77), 0, {});
  EXPECT_EQ(owner.Shell("echo on").output, "on\n");
  EXPECT_EQ(owner.unsupported(), 1);
}

TEST_F(ClientTest, GuestRestartsItself_IsToldAsAReset) {
  uint32_t stream = box_.owner().Open(Command({"sh", "-c", "sync; reboot -f; sleep 100"}));
  auto exit = box_.owner().Closed<proto::BoxExit>(box_.launch_stream());
  EXPECT_EQ(exit.reason, proto::ExitReason::kReset);
  EXPECT_TRUE(box_.owner().at(stream).over());
}

}  // namespace
}  // namespace boxlite::vm_test
