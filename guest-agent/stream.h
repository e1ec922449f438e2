// One open stream as its operation sees it, and what an operation has to answer to.
#pragma once

#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "proto/frame.h"
#include "proto/messages.h"

namespace boxlite::agent {

class Session;

// A handle on a stream; a value. When the connection that opened the stream has gone, sending has
// no effect.
class Stream {
 public:
  Stream(Session& session, uint64_t connection, uint32_t number)
      : session_(session), connection_(connection), number_(number) {}

  void Accept(const proto::Accepted& accepted);
  void End(proto::Channel channel);
  void Credit(uint32_t bytes);
  // These two end the stream; the operation is destroyed after the current batch of events.
  void Refuse(const Error& error);
  template <typename Message>
  void Close(Message message) {
    CloseWith(proto::Encode(std::move(message)));
  }

  // DATA is produced in place: room for `size` bytes, then as many as there are. False from
  // HasRoom: the port has enough to do, wait for Operation::OnRoom.
  bool HasRoom() const;
  uint8_t* BeginData(size_t size);
  void CommitData(proto::Channel channel, size_t size);

  // The other side broke the protocol; the connection ends.
  void Broken(const Error& error);

 private:
  bool Current() const;
  void CloseWith(ByteSpan payload);

  Session& session_;  // outlives every stream
  uint64_t connection_;
  uint32_t number_;
};

class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  virtual void OnData(ByteSpan bytes) = 0;  // Channel::kInput
  virtual void OnEnd() = 0;
  virtual Result<void> OnCredit(proto::Channel channel, uint32_t bytes) = 0;
  virtual void OnEvent(ByteSpan payload) = 0;
  // Ends the stream with Close as soon as may be; also called when the connection has gone.
  virtual void OnCancel() = 0;
  // The port takes data again.
  virtual void OnRoom() = 0;
};

}  // namespace boxlite::agent
