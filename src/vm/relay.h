// The relay between a box's clients and its guest agent, without sockets: frames go in, frames come
// out through RelayOwner. docs/protocol.md ("Two hops") is the specification.
//
// Both sides are checked against the protocol. The guest is the attacker: an error of OnAgentFrame
// ends the box. An error of OnClientFrame ends that client's connection and nobody else's.
//
// Streams have the client's number on one side and ours on the other. Credit is passed on from end
// to end, so that what waits here for a stream is bounded by that stream's window; what a client
// may grant in all is bounded as well. A stream whose client has gone is an orphan: its output is
// thrown away and its credit granted by us, so that the guest never waits for somebody who is not
// there. It is cancelled unless it was started detached.
//
// Thread rule: one thread. The owner must not call back into the relay from Send*; the connections
// it gives up there are removed later.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/bytes.h"
#include "base/result.h"
#include "proto/frame.h"
#include "proto/messages.h"
#include "proto/window.h"

namespace boxlite::vm {

using ClientId = uint32_t;
constexpr ClientId kSelf = 0;  // boxlite-vm's own requests to the agent

class RelayOwner {
 public:
  virtual ~RelayOwner() = default;

  virtual void SendToClient(ClientId client, ByteSpan head, ByteSpan body) = 0;
  virtual void SendToAgent(ByteSpan head, ByteSpan body) = 0;
  virtual size_t AgentPending() const = 0;  // bytes that the guest has not taken yet

  // A client opens an operation of boxlite-vm's; the answer is Relay::Answer, now or later.
  virtual void OnOperation(ClientId client, uint32_t stream, proto::Op op, ByteSpan request) = 0;
  virtual void OnOperationCancelled(ClientId client, uint32_t stream, proto::Op op) = 0;

  virtual void OnAgentHello(const proto::Hello& hello) = 0;
  virtual void OnAgentBye(const proto::Bye& bye) = 0;
  // How a request of Relay::OpenOwn ended.
  virtual void OnOwnClosed(uint32_t stream, Result<void> how) = 0;
  // The execution opened with kExecMain has ended.
  virtual void OnMainExited(int32_t exit_code) = 0;
};

class Relay {
 public:
  static constexpr size_t kMaxStreams = 4096;
  static constexpr uint64_t kMaxClientCredit = 256 * 1024 * 1024;  // granted by one client in all
  static constexpr size_t kAgentControlLimit = 64 * 1024 * 1024;   // waiting for the guest

  // `owner` outlives the relay.
  explicit Relay(RelayOwner& owner) : owner_(owner) {}

  ClientId AddClient();
  void RemoveClient(ClientId client);
  Result<void> OnClientFrame(ClientId client, const proto::Frame& frame);
  Result<void> OnAgentFrame(const proto::Frame& frame);

  // Passes clients' operations on from now; before, they are refused.
  void SetReady() { phase_ = Phase::kReady; }
  // Refuses new ones with `why` from now; those that are open go on.
  void RefuseNew(Error why);
  // The guest is gone: ends every stream with `why`, refuses new ones with it and ignores the
  // agent. Operations of boxlite-vm's stay open for Answer.
  void EndStreams(Error why);

  // To the main process of the execution opened with kExecMain; kInvalidState where none runs.
  Result<void> SignalMain(uint8_t number);

  // A request of ours to the agent; OnOwnClosed tells its end. The number is the agent's.
  uint32_t OpenOwn(ByteSpan request);
  // ACCEPT keeps the operation open, REFUSE and CLOSE end it. One that is over is ignored.
  void Answer(ClientId client, uint32_t stream, proto::Kind kind, ByteSpan payload);

  size_t stream_count() const { return streams_.size(); }

 private:
  enum class Phase : uint8_t { kRefusing, kReady, kEnded };

  struct Stream {
    ClientId client = kSelf;  // also of an orphan, whose client is no longer there
    uint32_t client_number = 0;
    uint32_t agent_number = 0;
    uint32_t window = 0;  // the client's grant at OPEN
    uint32_t exec_flags = 0;
    bool accepted = false;
    bool orphan = false;
    bool input_ended = false;
    proto::SendWindow input;                                     // what the client may send
    std::array<proto::SendWindow, proto::kChannelCount> output;  // what the agent may send
    std::array<bool, proto::kChannelCount> output_ended{};
  };
  struct Entry {
    Stream* stream = nullptr;  // of streams_; nullptr for an operation of boxlite-vm's
    proto::Op op = proto::Op{0};
  };
  struct Client {
    bool said_hello = false;
    uint64_t credit = 0;  // granted to the agent and not used yet, over all streams
    std::unordered_map<uint32_t, Entry> entries;
  };

  Result<void> OnClientHello(ClientId id, Client& client, const proto::Frame& frame);
  Result<void> OnClientOpen(ClientId id, Client& client, const proto::Frame& frame);
  Result<void> OpenRelayed(ClientId id, Client& client, const proto::Frame& frame,
                           const proto::OpenHeader& header);
  Result<void> OnClientStreamFrame(ClientId id, Client& client, const proto::Frame& frame);
  Result<void> OnClientData(Stream& stream, const proto::Frame& frame);
  Result<void> OnClientCredit(Client& client, Stream& stream, const proto::Frame& frame);
  void Refuse(ClientId id, uint32_t number, const Error& why);

  Result<void> OnAgentConnectionFrame(const proto::Frame& frame);
  Result<void> OnAgentAccept(Stream& stream, const proto::Frame& frame);
  Result<void> OnAgentData(Stream& stream, const proto::Frame& frame);
  Result<void> OnAgentEnd(Stream& stream, const proto::Frame& frame);
  Result<void> OnAgentCredit(Stream& stream, const proto::Frame& frame);
  Result<void> OnAgentClose(Stream& stream, const proto::Frame& frame);
  Result<void> OnMainClosed(const proto::Frame& frame);

  void MakeOrphan(Stream& stream);
  void GrantForOrphan(Stream& stream, proto::Channel channel);
  void EndStream(Stream& stream, const Error& why);
  void Erase(Stream& stream);
  Stream& NewStream(ClientId client, uint32_t client_number, uint32_t window);
  Client* FindClient(ClientId id);

  void ToClient(const Stream& stream, proto::Kind kind, ByteSpan payload,
                proto::Channel channel = proto::Channel::kInput);
  void ToAgent(const Stream& stream, proto::Kind kind, ByteSpan payload,
               proto::Channel channel = proto::Channel::kInput);
  void SendToClient(ClientId client, uint32_t number, proto::Kind kind, ByteSpan payload,
                    proto::Channel channel = proto::Channel::kInput);

  RelayOwner& owner_;
  Phase phase_ = Phase::kRefusing;
  bool agent_said_hello_ = false;
  Error end_reason_{Code::kInvalidState, "the box is still starting"};
  std::map<ClientId, Client> clients_;
  std::unordered_map<uint32_t, std::unique_ptr<Stream>> streams_;  // by the agent's number
  ClientId last_client_ = kSelf;
  uint32_t last_number_ = 0;
};

}  // namespace boxlite::vm
