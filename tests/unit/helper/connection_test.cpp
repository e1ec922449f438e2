// The client's half of the frame protocol, against a peer that the test plays by hand.
#include "helper/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "base/sys.h"
#include "base/sys_socket.h"

namespace boxlite::helper {
namespace {

using proto::Channel;
using proto::Kind;
using ::testing::HasSubstr;

class Recorder : public CallHandler {
 public:
  void OnAccept(ByteSpan) override { ++accepted; }
  void OnData(Channel, ByteSpan data) override { output += AsText(data); }
  void OnWritable() override { ++writable; }
  void OnClosed(Result<ByteSpan> how) override {
    ++closed;
    if (!how.ok()) error = how.error().message();
    if (on_closed) on_closed();
  }
  int accepted = 0, writable = 0, closed = 0;
  std::string output, error;
  std::function<void()> on_closed;
};

class ConnectionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = loop::Loop::Create().TakeValue();
    auto sockets = sys::SocketPair().TakeValue();
    peer_ = std::move(sockets.second);
    ASSERT_TRUE(sys::SetNonBlocking(peer_.get()).ok());
    connection_ = Connection::Create(*loop_, std::move(sockets.first), "the peer",
                                     {.hello = nullptr,
                                      .ended =
                                          [this](const Error& why) {
                                            ++ended_;
                                            why_ = why.message();
                                          }})
                      .TakeValue();
    SendFrame(Kind::kHello, 0, proto::Encode(proto::Hello()));
  }

  void SendFrame(Kind kind, uint32_t stream, ByteSpan payload = {},
                 Channel channel = Channel::kInput) {
    Bytes frame;
    proto::AppendFrame(frame, kind, stream, payload, channel);
    ASSERT_TRUE(sys::WriteAll(peer_.get(), frame).ok());
  }
  void Accept(uint32_t stream, uint32_t window) {
    proto::Accepted accepted;
    accepted.window = window;
    SendFrame(Kind::kAccept, stream, proto::Encode(accepted));
  }
  void Turn() {
    for (int i = 0; i < 20; ++i) loop_->RunReady();
  }
  // What the connection sent since the last call, as "kind:stream:length" for each frame.
  std::vector<std::string> Sent() {
    Turn();
    for (;;) {
      auto count = sys::ReadSome(peer_.get(), parser_.Space(65536), 65536);
      if (!count.ok() || !count.value() || *count.value() == 0) break;
      parser_.Commit(*count.value());
    }
    std::vector<std::string> frames;
    for (auto next = parser_.Next(); next.ok() && next.value(); next = parser_.Next()) {
      const auto& header = next.value()->header;
      frames.push_back(std::to_string(static_cast<int>(header.kind)) + ":" +
                       std::to_string(header.stream) + ":" + std::to_string(header.length));
    }
    return frames;
  }

  std::unique_ptr<loop::Loop> loop_;
  std::unique_ptr<Connection> connection_;
  UniqueFd peer_;
  proto::FrameParser parser_;
  int ended_ = 0;
  std::string why_;
};

TEST_F(ConnectionTest, Send_BeyondTheWindow_WaitsForCredit) {
  Recorder recorder;
  auto call = connection_->Open(proto::Encode(proto::InfoRequest()), 0, recorder).TakeValue();
  Accept(1, 10);
  Sent();
  Bytes data(25, 'x');
  EXPECT_EQ(call->Send(data), 10U);
  EXPECT_THAT(Sent(), testing::ElementsAre("5:1:10"));
  uint8_t credit[4];
  StoreLe<uint32_t>(credit, 7);
  SendFrame(Kind::kCredit, 1, credit);
  Turn();
  EXPECT_EQ(recorder.writable, 2);  // after ACCEPT, and now
  EXPECT_EQ(call->Send(ByteSpan(data).subspan(10)), 7U);
}

TEST_F(ConnectionTest, Consume_GrantsAnewInSteps) {
  Recorder recorder;
  auto call = connection_->Open(proto::Encode(proto::InfoRequest()), 100, recorder).TakeValue();
  SendFrame(Kind::kData, 1, Bytes(60, 'x'), Channel::kOutput);
  Sent();
  call->Consume(Channel::kOutput, 10);
  EXPECT_THAT(Sent(), testing::IsEmpty());
  call->Consume(Channel::kOutput, 20);
  EXPECT_THAT(Sent(), testing::ElementsAre("7:1:4"));
}

TEST_F(ConnectionTest, DataBeyondTheWindow_EndsTheConnection) {
  Recorder recorder;
  auto call = connection_->Open(proto::Encode(proto::InfoRequest()), 100, recorder).TakeValue();
  SendFrame(Kind::kData, 1, Bytes(101, 'x'), Channel::kOutput);
  Turn();
  EXPECT_EQ(recorder.closed, 1);
  EXPECT_EQ(recorder.output, "");
  EXPECT_EQ(ended_, 1);
  EXPECT_THAT(why_, HasSubstr("the peer broke the frame protocol"));
}

TEST_F(ConnectionTest, CloseForAStreamThatNobodyOpened_EndsTheConnection) {
  SendFrame(Kind::kClose, 7, proto::Encode(proto::Closed()));
  Turn();
  EXPECT_EQ(ended_, 1);
}

TEST_F(ConnectionTest, DestroyedCall_IsCancelledAndItsRestThrownAway) {
  Recorder recorder;
  auto call = connection_->Open(proto::Encode(proto::InfoRequest()), 100, recorder).TakeValue();
  Sent();
  call.reset();
  EXPECT_THAT(Sent(), testing::ElementsAre("9:1:0"));
  SendFrame(Kind::kData, 1, Bytes(5, 'x'), Channel::kOutput);
  SendFrame(Kind::kClose, 1, proto::Encode(proto::Closed()));
  Turn();
  EXPECT_EQ(recorder.closed, 0);
  EXPECT_EQ(ended_, 0);
}

TEST_F(ConnectionTest, Refusal_ArrivesAsItsError) {
  Recorder recorder;
  auto call = connection_->Open(proto::Encode(proto::InfoRequest()), 0, recorder).TakeValue();
  SendFrame(Kind::kRefuse, 1, proto::Encode(proto::ToRecord(Error(Code::kNotFound, "no sh"))));
  Turn();
  EXPECT_EQ(recorder.closed, 1);
  EXPECT_EQ(recorder.error, "no sh");
}

TEST_F(ConnectionTest, PeerThatGoes_EndsEveryCallOnce) {
  Recorder one, two;
  auto first = connection_->Open(proto::Encode(proto::InfoRequest()), 0, one).TakeValue();
  auto second = connection_->Open(proto::Encode(proto::InfoRequest()), 0, two).TakeValue();
  Sent();
  peer_.Reset();
  Turn();
  EXPECT_EQ(one.closed, 1);
  EXPECT_EQ(two.closed, 1);
  EXPECT_EQ(ended_, 1);
  EXPECT_FALSE(connection_->Open(proto::Encode(proto::InfoRequest()), 0, one).ok());
}

TEST_F(ConnectionTest, HandlerThatDestroysTheConnection_IsTheLastThatIsCalled) {
  Recorder one, two;
  auto first = connection_->Open(proto::Encode(proto::InfoRequest()), 0, one).TakeValue();
  auto second = connection_->Open(proto::Encode(proto::InfoRequest()), 0, two).TakeValue();
  one.on_closed = [this] { connection_.reset(); };
  SendFrame(Kind::kClose, 1, proto::Encode(proto::Closed()));
  SendFrame(Kind::kClose, 2, proto::Encode(proto::Closed()));
  Turn();
  EXPECT_EQ(one.closed, 1);
  EXPECT_EQ(two.closed, 0);
  EXPECT_EQ(ended_, 0);
  EXPECT_TRUE(second->closed());
}

}  // namespace
}  // namespace boxlite::helper
