// The host's side of an execution, against a peer that the test plays by hand.
#include "client/exec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/sys.h"
#include "base/sys_socket.h"

namespace boxlite::client {
namespace {

using proto::Channel;
using proto::Kind;
using ::testing::ElementsAre;

class Recorder : public ExecHandler {
 public:
  void OnStarted(uint32_t pid) override { started = pid; }
  void OnOutput(Channel, ByteSpan data) override { output += AsText(data); }
  void OnExited(Result<proto::ExecClosed> how) override {
    ++exits;
    if (how.ok()) exit_code = how.value().exit_code;
    if (!how.ok()) error = how.error().message();
  }
  uint32_t started = 0;
  int exits = 0;
  int32_t exit_code = 0;
  std::string output, error;
};

class ExecTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = loop::Loop::Create().TakeValue();
    auto sockets = sys::SocketPair().TakeValue();
    peer_ = std::move(sockets.second);
    ASSERT_TRUE(sys::SetNonBlocking(peer_.get()).ok());
    connection_ =
        helper::Connection::Create(*loop_, std::move(sockets.first), "the peer", {}).TakeValue();
    SendFrame(Kind::kHello, 0, proto::Encode(proto::Hello()));
  }

  void SendFrame(Kind kind, uint32_t stream, ByteSpan payload, Channel channel = Channel::kInput) {
    Bytes frame;
    proto::AppendFrame(frame, kind, stream, payload, channel);
    ASSERT_TRUE(sys::WriteAll(peer_.get(), frame).ok());
    Turn();
  }
  void Accept(uint32_t window) {
    proto::Accepted accepted;
    accepted.window = window;
    accepted.pid = 42;
    SendFrame(Kind::kAccept, 1, proto::Encode(accepted));
  }
  void Turn() {
    for (int i = 0; i < 20; ++i) loop_->RunReady();
  }
  // The frames that the peer got since the last call.
  std::vector<Kind> Sent() {
    Turn();
    for (;;) {
      auto count = sys::ReadSome(peer_.get(), parser_.Space(65536), 65536);
      if (!count.ok() || !count.value() || *count.value() == 0) break;
      parser_.Commit(*count.value());
    }
    std::vector<Kind> kinds;
    for (auto next = parser_.Next(); next.ok() && next.value(); next = parser_.Next())
      kinds.push_back(next.value()->header.kind);
    return kinds;
  }

  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<helper::Connection> connection_;
  UniqueFd peer_;
  proto::FrameParser parser_;
  Recorder recorder_;
};

TEST_F(ExecTest, SignalAndInputBeforeOpen_WaitForIt) {
  Exec exec(recorder_);
  exec.Signal(15, proto::SignalScope::kProcess);
  int taken = 0;
  exec.Write(Bytes(3, 'x'), [&](const Result<void>& how) { taken += how.ok() ? 1 : 100; });
  exec.EndInput();
  EXPECT_THAT(Sent(), ElementsAre(Kind::kHello));
  ASSERT_TRUE(exec.Open(*connection_, proto::Exec()).ok());
  EXPECT_THAT(Sent(), ElementsAre(Kind::kOpen, Kind::kEvent));
  Accept(100);
  EXPECT_EQ(recorder_.started, 42U);
  EXPECT_THAT(Sent(), ElementsAre(Kind::kData, Kind::kEnd));
  EXPECT_EQ(taken, 1);
}

TEST_F(ExecTest, InputBeyondTheWindow_IsTakenAsCreditComes) {
  Exec exec(recorder_);
  ASSERT_TRUE(exec.Open(*connection_, proto::Exec()).ok());
  Accept(4);
  int taken = 0;
  exec.Write(Bytes(6, 'x'), [&](const Result<void>&) { ++taken; });
  EXPECT_EQ(taken, 0);
  uint8_t credit[4];
  StoreLe<uint32_t>(credit, 4);
  SendFrame(Kind::kCredit, 1, credit);
  EXPECT_EQ(taken, 1);
}

TEST_F(ExecTest, Close_AbandonsInputAndTellsTheExitOnce) {
  Exec exec(recorder_);
  ASSERT_TRUE(exec.Open(*connection_, proto::Exec()).ok());
  Accept(1);
  Code why = Code::kOk;
  exec.Write(Bytes(6, 'x'), [&](const Result<void>& how) { why = how.error().code(); });
  SendFrame(Kind::kData, 1, AsBytes("out"), Channel::kOutput);
  proto::ExecClosed closed;
  closed.exit_code = -9;
  SendFrame(Kind::kClose, 1, proto::Encode(closed));
  EXPECT_EQ(why, Code::kStopped);
  EXPECT_EQ(recorder_.output, "out");
  EXPECT_EQ(recorder_.exits, 1);
  EXPECT_EQ(recorder_.exit_code, -9);
}

TEST_F(ExecTest, Refusal_IsTheErrorOfTheExit) {
  Exec exec(recorder_);
  ASSERT_TRUE(exec.Open(*connection_, proto::Exec()).ok());
  SendFrame(Kind::kRefuse, 1,
            proto::Encode(proto::ToRecord(Error(Code::kExecution, "command not found: x"))));
  EXPECT_EQ(recorder_.exits, 1);
  EXPECT_EQ(recorder_.error, "command not found: x");
  EXPECT_EQ(recorder_.started, 0U);
}

}  // namespace
}  // namespace boxlite::client
