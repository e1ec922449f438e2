// Connection: the client's end of a frame connection to boxlite-vm or boxlite-image, on a loop.
// docs/protocol.md is the specification.
//
// A Connection carries any number of Calls, each one operation (one stream of the protocol). A Call
// is opened with a request and tells its CallHandler what comes back until OnClosed, which comes
// exactly once and says how it ended: with CLOSE's record, with the error of a REFUSE, or with the
// end of the connection. Destroying a Call before that cancels the operation and forgets it:
// nothing is called any more, and what still comes for it is thrown away.
//
// Flow control: the other side sends on a channel only what was granted. Whoever consumes data says
// so with Call::Consume, which grants anew. What we send is granted by the other side: Call::Send
// takes what the window and the connection's buffer allow, and OnWritable says when to go on.
//
// Thread rule: the loop's thread. A handler may do anything, also destroy its Call or the
// Connection. Nothing is called inside the call that asked for it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "loop/stream.h"
#include "proto/frame.h"
#include "proto/messages.h"
#include "proto/window.h"

namespace boxlite::helper {

class Connection;

// Spans and records are valid until the function returns.
class CallHandler {
 public:
  virtual ~CallHandler() = default;
  virtual void OnAccept(ByteSpan record) { static_cast<void>(record); }
  virtual void OnData(proto::Channel channel, ByteSpan data) {
    static_cast<void>(channel), static_cast<void>(data);
  }
  virtual void OnEnd(proto::Channel channel) { static_cast<void>(channel); }
  virtual void OnEvent(ByteSpan record) { static_cast<void>(record); }
  // More can be sent: after ACCEPT, and after a Send that did not take everything.
  virtual void OnWritable() {}
  // The record of CLOSE, undecoded, or why there is none. Nothing is called after it.
  virtual void OnClosed(Result<ByteSpan> how) = 0;
};

class Call {
 public:
  ~Call();
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  // Sends as much of `data` on the input channel as may go now and returns how much that was.
  size_t Send(ByteSpan data);
  void SendEnd();
  void SendEvent(ByteSpan record);
  // Asks for an early end; OnClosed still comes.
  void Cancel();
  // So many bytes of `channel` were consumed.
  void Consume(proto::Channel channel, size_t bytes);
  bool closed() const { return connection_ == nullptr; }

 private:
  friend class Connection;
  Call(Connection* connection, uint32_t number, uint32_t window, CallHandler& handler);
  proto::ReceiveWindow& Received(proto::Channel channel) {
    return received_.at(static_cast<size_t>(channel));
  }

  Connection* connection_;  // nullptr once the call is over; outlives us until then
  const uint32_t number_;   // of the stream
  CallHandler& handler_;
  std::array<proto::ReceiveWindow, proto::kChannelCount> received_;
  std::array<bool, proto::kChannelCount> ended_{};
  proto::SendWindow input_;
  bool blocked_ = true;  // the last Send did not take everything
};

class Connection : private loop::StreamHandler {
 public:
  struct Events {
    // The other side's HELLO. The connection can be used before it.
    std::function<void(const proto::Hello&)> hello;
    // Once, after every call was told: the other side is gone (kStopped), or broke the protocol.
    std::function<void(const Error&)> ended;
  };

  // `peer` names the other side in errors: "boxlite-vm".
  static Result<std::unique_ptr<Connection>> Create(loop::Loop& loop, UniqueFd socket,
                                                    std::string peer, Events events);
  // Calls that are left end without a word.
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Begins an operation. `request` is its encoded record, whose field `window` is `window` too.
  // `handler` outlives the Call. kStopped where the connection is over.
  Result<std::unique_ptr<Call>> Open(ByteSpan request, uint32_t window, CallHandler& handler);
  bool over() const { return over_; }

 private:
  friend class Call;
  Connection(loop::Loop& loop, std::string peer, Events events);

  std::span<uint8_t> ReadSpace() override;
  void OnRead(size_t size) override;
  void OnEnd(Result<void> why) override;
  void OnDrained() override;

  Result<void> Handle(const proto::Frame& frame);
  Result<void> HandleOfConnection(const proto::Frame& frame);
  Result<void> HandleOfCall(uint32_t number, Call* call, const proto::Frame& frame);
  Result<void> HandleAccept(Call& call, ByteSpan record);
  Result<void> HandleData(Call& call, const proto::Frame& frame);
  Result<void> HandleEnd(Call& call, proto::Channel channel);
  Result<void> HandleCredit(Call& call, const proto::Frame& frame);
  void CloseCall(uint32_t number, Call* call, Result<ByteSpan> how);
  void Forget(Call& call);
  void Give(proto::Kind kind, uint32_t number, ByteSpan payload,
            proto::Channel channel = proto::Channel::kInput);
  bool Writable() const;
  void Fail(const Error& why);
  Error Broken(const std::string& what) const;

  loop::Loop& loop_;
  const std::string peer_;
  Events events_;
  std::unique_ptr<loop::Stream> socket_;
  proto::FrameParser parser_;
  std::unordered_map<uint32_t, Call*> calls_;  // nullptr: forgotten, its CLOSE has yet to come
  uint32_t last_number_ = 0;
  bool said_hello_ = false;  // the other side
  bool over_ = false;
  std::unique_ptr<loop::Timer> failing_;  // tells of a failure that sending met
  // Expires with us: how a function learns that the handler it called destroyed the connection.
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace boxlite::helper
