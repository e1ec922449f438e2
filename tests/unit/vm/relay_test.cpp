#include "vm/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

namespace boxlite::vm {
namespace {

using proto::Channel;
using proto::Kind;
using proto::Op;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A frame that the relay sent: kind, stream, channel, payload.
struct Sent {
  Kind kind;
  uint32_t stream;
  Channel channel;
  Bytes payload;
  bool operator==(const Sent& other) const {
    return kind == other.kind && stream == other.stream && channel == other.channel &&
           payload == other.payload;
  }
};

class Recorder : public RelayOwner {
 public:
  void SendToClient(ClientId client, ByteSpan head, ByteSpan body) override {
    to_client[client].push_back(Parse(head, body));
  }
  void SendToAgent(ByteSpan head, ByteSpan body) override { to_agent.push_back(Parse(head, body)); }
  size_t AgentPending() const override { return pending; }
  void OnOperation(ClientId, uint32_t stream, Op op, ByteSpan) override {
    operations.emplace_back(stream, op);
  }
  void OnOperationCancelled(ClientId, uint32_t stream, Op) override { cancelled = stream; }
  void OnAgentHello(const proto::Hello& hello) override { agent_build = hello.build; }
  void OnAgentBye(const proto::Bye& bye) override { bye_why = bye.why; }
  void OnOwnClosed(uint32_t stream, Result<void> how) override {
    own_closed.emplace_back(stream, how.ok() ? "" : how.error().message());
  }
  void OnMainExited(int32_t exit_code) override { main_exit = exit_code; }

  std::map<ClientId, std::vector<Sent>> to_client;
  std::vector<Sent> to_agent;
  size_t pending = 0;
  std::vector<std::pair<uint32_t, Op>> operations;
  uint32_t cancelled = 0;
  std::string agent_build, bye_why;
  std::vector<std::pair<uint32_t, std::string>> own_closed;
  std::optional<int32_t> main_exit;

 private:
  static Sent Parse(ByteSpan head, ByteSpan body) {
    Bytes wire(head.begin(), head.end());
    wire.insert(wire.end(), body.begin(), body.end());
    proto::FrameParser parser;
    parser.Append(wire);
    auto frame = parser.Next().TakeValue();
    return {frame->header.kind, frame->header.stream, frame->header.channel,
            Bytes(frame->payload.begin(), frame->payload.end())};
  }
};

Bytes Credit(uint32_t bytes) {
  Bytes payload(4);
  StoreLe(payload.data(), bytes);
  return payload;
}

class RelayTest : public testing::Test {
 protected:
  void SetUp() override {
    relay_.SetReady();
    proto::Hello hello;
    hello.role = proto::Role::kAgent;
    ASSERT_TRUE(Agent(Kind::kHello, 0, proto::Encode(hello)).ok());
    client_ = NewClient();
  }

  ClientId NewClient() {
    ClientId id = relay_.AddClient();
    EXPECT_TRUE(From(id, Kind::kHello, 0, proto::Encode(proto::Hello{})).ok());
    return id;
  }
  Result<void> From(ClientId id, Kind kind, uint32_t stream, const Bytes& payload = {},
                    Channel channel = Channel::kInput) {
    return relay_.OnClientFrame(
        id, {{static_cast<uint32_t>(payload.size()), stream, kind, channel}, payload});
  }
  Result<void> Client(Kind kind, uint32_t stream, const Bytes& payload = {},
                      Channel channel = Channel::kInput) {
    return From(client_, kind, stream, payload, channel);
  }
  Result<void> Agent(Kind kind, uint32_t stream, const Bytes& payload = {},
                     Channel channel = Channel::kInput) {
    return relay_.OnAgentFrame(
        {{static_cast<uint32_t>(payload.size()), stream, kind, channel}, payload});
  }
  // Opens an execution as `number` and answers what the agent knows it as.
  uint32_t OpenExec(uint32_t number, uint32_t flags = 0, uint32_t window = 1000) {
    proto::Exec exec;
    exec.window = window;
    exec.argv = {"true"};
    exec.flags = flags;
    EXPECT_TRUE(Client(Kind::kOpen, number, proto::Encode(exec)).ok());
    return sink_.to_agent.back().stream;
  }
  uint32_t OpenAcceptedExec(uint32_t number, uint32_t flags = 0) {
    uint32_t stream = OpenExec(number, flags);
    proto::Accepted accepted;
    accepted.window = 500;
    EXPECT_TRUE(Agent(Kind::kAccept, stream, proto::Encode(accepted)).ok());
    return stream;
  }
  const Sent& LastToClient() { return sink_.to_client[client_].back(); }

  Recorder sink_;
  Relay relay_{sink_};
  ClientId client_ = 0;
};

TEST_F(RelayTest, Streams_OfTwoClients_AreRenumberedAndKeptApart) {
  ClientId other = NewClient();
  uint32_t first = OpenAcceptedExec(7);
  proto::Exec exec;
  exec.window = 1000;
  ASSERT_TRUE(From(other, Kind::kOpen, 7, proto::Encode(exec)).ok());
  uint32_t second = sink_.to_agent.back().stream;
  EXPECT_NE(first, second);
  ASSERT_TRUE(Agent(Kind::kData, first, {'a', 'b'}, Channel::kError).ok());
  EXPECT_EQ(LastToClient(), (Sent{Kind::kData, 7, Channel::kError, {'a', 'b'}}));
  EXPECT_THAT(sink_.to_client[other], IsEmpty());
}

TEST_F(RelayTest, Frames_OfAWholeExecution_PassBothWays) {
  uint32_t stream = OpenAcceptedExec(3, proto::kExecStdin);
  ASSERT_TRUE(Client(Kind::kData, 3, Bytes(500, 'x')).ok());
  EXPECT_EQ(sink_.to_agent.back(), (Sent{Kind::kData, stream, Channel::kInput, Bytes(500, 'x')}));
  ASSERT_TRUE(Agent(Kind::kCredit, stream, Credit(500)).ok());
  EXPECT_EQ(LastToClient(), (Sent{Kind::kCredit, 3, Channel::kInput, Credit(500)}));
  ASSERT_TRUE(Client(Kind::kEnd, 3).ok());
  EXPECT_EQ(sink_.to_agent.back(), (Sent{Kind::kEnd, stream, Channel::kInput, {}}));
  ASSERT_TRUE(Agent(Kind::kEnd, stream, {}, Channel::kOutput).ok());
  EXPECT_EQ(LastToClient(), (Sent{Kind::kEnd, 3, Channel::kOutput, {}}));
  Bytes signal = proto::Encode(proto::SignalEvent{});
  ASSERT_TRUE(Client(Kind::kEvent, 3, signal).ok());
  EXPECT_EQ(sink_.to_agent.back(), (Sent{Kind::kEvent, stream, Channel::kInput, signal}));
  Bytes closed = proto::Encode(proto::ExecClosed{});
  ASSERT_TRUE(Agent(Kind::kClose, stream, closed).ok());
  EXPECT_EQ(LastToClient(), (Sent{Kind::kClose, 3, Channel::kInput, closed}));
  EXPECT_EQ(relay_.stream_count(), 0u);
  EXPECT_FALSE(sink_.main_exit);
}

TEST_F(RelayTest, ClosedStream_LateFramesOfTheClient_AreIgnoredAndItsNumberIsFree) {
  uint32_t stream = OpenAcceptedExec(3);
  ASSERT_TRUE(Agent(Kind::kClose, stream, proto::Encode(proto::ExecClosed{})).ok());
  size_t sent = sink_.to_agent.size();
  EXPECT_TRUE(Client(Kind::kCredit, 3, Credit(5), Channel::kOutput).ok());
  EXPECT_TRUE(Client(Kind::kCancel, 3).ok());
  EXPECT_EQ(sink_.to_agent.size(), sent);
  OpenExec(3);
  EXPECT_EQ(relay_.stream_count(), 1u);
}

TEST_F(RelayTest, MainExecution_Ended_TellsTheOwner) {
  uint32_t stream = OpenAcceptedExec(1, proto::kExecMain);
  proto::ExecClosed closed;
  closed.exit_code = -9;
  ASSERT_TRUE(Agent(Kind::kClose, stream, proto::Encode(closed)).ok());
  EXPECT_EQ(sink_.main_exit, -9);
}

TEST_F(RelayTest, MainExecution_Refused_IsNotTheEnd) {
  uint32_t stream = OpenExec(1, proto::kExecMain);
  ASSERT_TRUE(Agent(Kind::kRefuse, stream, proto::Encode(proto::ErrorRecord{10, "", "", 2})).ok());
  EXPECT_FALSE(sink_.main_exit);
  EXPECT_EQ(LastToClient().kind, Kind::kRefuse);
}

TEST_F(RelayTest, ClientGone_ItsExecution_IsCancelledAndItsOutputTaken) {
  uint32_t stream = OpenAcceptedExec(1);
  ASSERT_TRUE(Agent(Kind::kData, stream, Bytes(1000, 'x'), Channel::kOutput).ok());
  relay_.RemoveClient(client_);
  EXPECT_EQ(sink_.to_agent[sink_.to_agent.size() - 3].kind, Kind::kCancel);
  // 64 KiB are granted, whatever the client had granted.
  EXPECT_EQ(sink_.to_agent[sink_.to_agent.size() - 2],
            (Sent{Kind::kCredit, stream, Channel::kOutput, Credit(65536)}));
  EXPECT_EQ(sink_.to_agent.back(),
            (Sent{Kind::kCredit, stream, Channel::kError, Credit(65536 - 1000)}));
  size_t to_client = sink_.to_client[client_].size();
  ASSERT_TRUE(Agent(Kind::kData, stream, Bytes(40000, 'x'), Channel::kOutput).ok());
  EXPECT_EQ(sink_.to_agent.back(), (Sent{Kind::kCredit, stream, Channel::kOutput, Credit(40000)}));
  ASSERT_TRUE(Agent(Kind::kClose, stream, proto::Encode(proto::ExecClosed{})).ok());
  EXPECT_EQ(sink_.to_client[client_].size(), to_client);
  EXPECT_EQ(relay_.stream_count(), 0u);
}

TEST_F(RelayTest, ClientGone_DetachedExecution_LivesOnAndItsInputEnds) {
  uint32_t stream = OpenAcceptedExec(1, proto::kExecDetached | proto::kExecStdin);
  size_t before = sink_.to_agent.size();
  relay_.RemoveClient(client_);
  EXPECT_EQ(sink_.to_agent[before], (Sent{Kind::kEnd, stream, Channel::kInput, {}}));
  for (size_t i = before; i < sink_.to_agent.size(); ++i)
    EXPECT_NE(sink_.to_agent[i].kind, Kind::kCancel);
  EXPECT_EQ(relay_.stream_count(), 1u);
}

TEST_F(RelayTest, OwnRequest_ClosedOrRefused_TellsTheOwner) {
  uint32_t first = relay_.OpenOwn(proto::Encode(proto::Configure{}));
  uint32_t second = relay_.OpenOwn(proto::Encode(proto::Shutdown{}));
  ASSERT_TRUE(Agent(Kind::kClose, first, proto::Encode(proto::Closed{})).ok());
  proto::ErrorRecord why{1, "no such disk", "", 0};
  ASSERT_TRUE(Agent(Kind::kRefuse, second, proto::Encode(why)).ok());
  EXPECT_THAT(sink_.own_closed,
              ElementsAre(std::pair(first, std::string()), std::pair(second, "no such disk")));
}

TEST_F(RelayTest, OwnOperations_GoToTheOwnerAndAreAnsweredOnce) {
  ASSERT_TRUE(Client(Kind::kOpen, 9, proto::Encode(proto::Stop{})).ok());
  EXPECT_THAT(sink_.operations, ElementsAre(std::pair(9u, Op::kStop)));
  EXPECT_THAT(sink_.to_agent, IsEmpty());
  ASSERT_TRUE(Client(Kind::kCancel, 9).ok());
  EXPECT_EQ(sink_.cancelled, 9u);
  relay_.Answer(client_, 9, Kind::kClose, proto::Encode(proto::Closed{}));
  relay_.Answer(client_, 9, Kind::kClose, proto::Encode(proto::Closed{}));
  EXPECT_EQ(sink_.to_client[client_].size(), 1u);
}

TEST_F(RelayTest, Open_NotForClients_IsRefused) {
  ASSERT_TRUE(Client(Kind::kOpen, 1, proto::Encode(proto::Shutdown{})).ok());
  EXPECT_EQ(LastToClient().kind, Kind::kRefuse);
  ASSERT_TRUE(Client(Kind::kOpen, 1, {1, 2, 3}).ok());
  EXPECT_EQ(LastToClient().kind, Kind::kRefuse);
  EXPECT_THAT(sink_.to_agent, IsEmpty());
}

TEST_F(RelayTest, Open_BeforeReadyOrAfterRefuseNew_IsRefusedWithTheReason) {
  relay_.RefuseNew(Error(Code::kStopped, "the box is stopping"));
  ASSERT_TRUE(Client(Kind::kOpen, 1, proto::Encode(proto::Exec{})).ok());
  auto record = proto::Decode<proto::ErrorRecord>(LastToClient().payload).TakeValue();
  EXPECT_EQ(record.code, static_cast<int32_t>(Code::kStopped));
}

TEST_F(RelayTest, Open_BeyondWhatOneClientMayGrant_IsRefused) {
  constexpr uint32_t kWindow = proto::kMaxWindow;
  OpenExec(1, 0, kWindow);
  OpenExec(2, 0, kWindow);
  size_t to_agent = sink_.to_agent.size();
  OpenExec(3, 0, 1);
  EXPECT_EQ(LastToClient().kind, Kind::kRefuse);
  EXPECT_EQ(sink_.to_agent.size(), to_agent);
}

TEST_F(RelayTest, UnknownKinds_AreAnsweredUnsupported) {
  ASSERT_TRUE(Client(static_cast<Kind>(99), 5, {1}).ok());
  EXPECT_EQ(LastToClient().kind, Kind::kUnsupported);
  EXPECT_EQ(LastToClient().payload.size(), proto::kHeaderSize);
  ASSERT_TRUE(Agent(static_cast<Kind>(99), 0).ok());
  EXPECT_EQ(sink_.to_agent.back().kind, Kind::kUnsupported);
}

TEST_F(RelayTest, EndStreams_TellsEachOpenStreamOnce) {
  uint32_t accepted = OpenAcceptedExec(1);
  OpenExec(2);
  ASSERT_TRUE(Client(Kind::kOpen, 3, proto::Encode(proto::Stop{})).ok());
  sink_.to_client.clear();
  relay_.EndStreams(Error(Code::kStopped, "the box stopped"));
  ASSERT_EQ(sink_.to_client[client_].size(), 2u);
  EXPECT_TRUE(Agent(Kind::kData, accepted, {'x'}, Channel::kOutput).ok());
  EXPECT_TRUE(Client(Kind::kData, 1, {'x'}).ok());
  EXPECT_EQ(sink_.to_client[client_].size(), 2u);
  relay_.Answer(client_, 3, Kind::kClose, proto::Encode(proto::Closed{}));
  EXPECT_EQ(sink_.to_client[client_].size(), 3u);
}

// What a client must not do ends its connection; the relay and the others go on.
TEST_F(RelayTest, MisbehavingClient_IsAnError) {
  uint32_t stream = OpenAcceptedExec(1);
  OpenExec(2);
  EXPECT_FALSE(Client(Kind::kHello, 0, proto::Encode(proto::Hello{})).ok()) << "twice";
  EXPECT_FALSE(Client(Kind::kOpen, 1, proto::Encode(proto::Exec{})).ok()) << "in use";
  EXPECT_FALSE(Client(Kind::kOpen, 0, proto::Encode(proto::Exec{})).ok()) << "stream 0";
  EXPECT_FALSE(Client(Kind::kData, 2, {'x'}).ok()) << "before ACCEPT";
  EXPECT_FALSE(Client(Kind::kData, 1, {}).ok()) << "empty";
  EXPECT_FALSE(Client(Kind::kData, 1, {'x'}, Channel::kOutput).ok()) << "channel";
  EXPECT_FALSE(Client(Kind::kData, 1, Bytes(501, 'x')).ok()) << "beyond the window";
  EXPECT_FALSE(Client(Kind::kCredit, 1, Credit(1), Channel::kInput).ok()) << "channel";
  EXPECT_FALSE(Client(Kind::kCredit, 1, Credit(0), Channel::kOutput).ok()) << "nothing";
  EXPECT_FALSE(Client(Kind::kCredit, 1, Credit(0x7fffffff), Channel::kOutput).ok()) << "too much";
  EXPECT_FALSE(Client(Kind::kClose, 1).ok()) << "not a client's";
  ASSERT_TRUE(Client(Kind::kEnd, 1).ok());
  EXPECT_FALSE(Client(Kind::kEnd, 1).ok()) << "twice";
  EXPECT_FALSE(Client(Kind::kData, 1, {'x'}).ok()) << "after END";
  proto::Exec exec;
  exec.window = 0xffffffff;
  EXPECT_FALSE(Client(Kind::kOpen, 4, proto::Encode(exec)).ok()) << "window";
  sink_.pending = Relay::kAgentControlLimit + 1;
  EXPECT_FALSE(Client(Kind::kCancel, 1).ok()) << "too many requests";
  relay_.RemoveClient(client_);
  ClientId other = NewClient();
  sink_.pending = 0;
  EXPECT_TRUE(From(other, Kind::kOpen, 1, proto::Encode(proto::Exec{})).ok());
  EXPECT_TRUE(Agent(Kind::kClose, stream, proto::Encode(proto::ExecClosed{})).ok());
}

TEST_F(RelayTest, Client_ThatDoesNotSayHello_IsAnError) {
  ClientId id = relay_.AddClient();
  EXPECT_FALSE(From(id, Kind::kOpen, 1, proto::Encode(proto::Exec{})).ok());
  proto::Hello future;
  future.version_min = future.version_max = 99;
  EXPECT_FALSE(From(id, Kind::kHello, 0, proto::Encode(future)).ok());
}

// The guest is the attacker: each of these ends the box.
TEST_F(RelayTest, HostileAgent_IsAnError) {
  uint32_t open = OpenExec(1);
  EXPECT_FALSE(Agent(Kind::kData, open, {'x'}, Channel::kOutput).ok()) << "before ACCEPT";
  EXPECT_FALSE(Agent(Kind::kEnd, open, {}, Channel::kOutput).ok()) << "before ACCEPT";
  EXPECT_FALSE(Agent(Kind::kCredit, open, Credit(1)).ok()) << "before ACCEPT";
  proto::Accepted huge;
  huge.window = 0xffffffff;
  EXPECT_FALSE(Agent(Kind::kAccept, open, proto::Encode(huge)).ok()) << "window";
  EXPECT_FALSE(Agent(Kind::kAccept, open, {1}).ok()) << "malformed";
  uint32_t stream = OpenAcceptedExec(2);
  EXPECT_FALSE(Agent(Kind::kAccept, stream, proto::Encode(proto::Accepted{})).ok()) << "twice";
  EXPECT_FALSE(Agent(Kind::kRefuse, stream, {}).ok()) << "after ACCEPT";
  EXPECT_FALSE(Agent(Kind::kData, stream, {}, Channel::kOutput).ok()) << "empty";
  EXPECT_FALSE(Agent(Kind::kData, stream, {'x'}, Channel::kInput).ok()) << "channel";
  EXPECT_FALSE(Agent(Kind::kData, stream, Bytes(1001, 'x'), Channel::kOutput).ok()) << "window";
  EXPECT_FALSE(Agent(Kind::kCredit, stream, Credit(proto::kMaxWindow)).ok()) << "too much";
  EXPECT_FALSE(Agent(Kind::kCredit, stream, Credit(1), Channel::kOutput).ok()) << "channel";
  ASSERT_TRUE(Agent(Kind::kEnd, stream, {}, Channel::kOutput).ok());
  EXPECT_FALSE(Agent(Kind::kEnd, stream, {}, Channel::kOutput).ok()) << "twice";
  EXPECT_FALSE(Agent(Kind::kData, stream, {'x'}, Channel::kOutput).ok()) << "after END";
  EXPECT_FALSE(Agent(Kind::kOpen, stream).ok()) << "not an agent's";
  EXPECT_FALSE(Agent(Kind::kCancel, stream).ok()) << "not an agent's";
  EXPECT_FALSE(Agent(Kind::kClose, 4711).ok()) << "not open";
  proto::Hello hello;
  hello.role = proto::Role::kAgent;
  EXPECT_FALSE(Agent(Kind::kHello, 0, proto::Encode(hello)).ok()) << "twice";
  EXPECT_FALSE(Agent(Kind::kBye, 0, {1}).ok()) << "malformed";
  sink_.pending = Relay::kAgentControlLimit + 1;
  EXPECT_FALSE(Agent(static_cast<Kind>(99), 0).ok()) << "does not read its answers";
  sink_.pending = 0;
  uint32_t main = OpenAcceptedExec(5, proto::kExecMain);
  EXPECT_FALSE(Agent(Kind::kClose, main, {1}).ok()) << "malformed";
}

TEST(RelayBeforeHello, AgentsFirstFrame_MustBeItsHello) {
  Recorder sink;
  Relay relay(sink);
  EXPECT_FALSE(relay.OnAgentFrame({{0, 1, Kind::kClose, {}}, {}}).ok());
  EXPECT_FALSE(relay.OnAgentFrame({{0, 0, Kind::kBye, {}}, {}}).ok());
  Bytes as_client = proto::Encode(proto::Hello{});
  EXPECT_FALSE(relay.OnAgentFrame({{0, 0, Kind::kHello, {}}, as_client}).ok());
}

}  // namespace
}  // namespace boxlite::vm
