// The agent's side of the frame protocol over the port: hello, streams, credit, one outgoing queue.
// docs/protocol.md is the specification.
//
// The port has no end of its own. "The host has gone" shows as a hang-up, which lasts until the
// next one opens it, so a port without a host is watched for changes only. Each host is a new
// connection with a number; operations of an earlier one live on until they have cleaned up, and
// what they send goes nowhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/byte_queue.h"
#include "base/log.h"
#include "base/unique_fd.h"
#include "guest-agent/loop.h"
#include "guest-agent/stream.h"
#include "proto/frame.h"

namespace boxlite::agent {

class Session {
 public:
  // Makes the operation that an OPEN asks for, or says why not.
  using Opener = std::function<Result<std::unique_ptr<Operation>>(Stream stream, ByteSpan payload)>;

  Session(Loop& loop, const Log& log, Opener opener);

  // Opens the port and says hello to whoever is there, or comes.
  Result<void> Attach(const std::string& device);
  // Destroys what has ended; between two batches of events.
  void CollectGarbage() { over_.clear(); }
  // Sends what is queued and `payload` as a last frame, and returns when the host has taken it.
  void SendLast(proto::Kind kind, ByteSpan payload);

 private:
  friend class Stream;
  using Key = std::pair<uint64_t, uint32_t>;  // connection, stream

  uint64_t connection() const { return connection_; }
  void Send(proto::Kind kind, uint32_t stream, ByteSpan payload,
            proto::Channel channel = proto::Channel::kInput);
  bool HasRoom() const;
  uint8_t* BeginData(size_t size);
  void CommitData(uint32_t stream, proto::Channel channel, size_t size);
  void Over(uint64_t connection, uint32_t stream);
  void Broken(const Error& error);

  void OnPort(uint32_t events);
  void HostCame();
  void HostLeft();
  void NewConnection();
  void CutStreams();
  void SayHello();
  void Receive();
  Result<void> HandleFrames();
  Result<void> Handle(const proto::Frame& frame);
  Result<void> HandleHello(const proto::Frame& frame);
  Result<void> HandleOpen(const proto::Frame& frame);
  Result<void> HandleStream(const proto::Frame& frame);
  void Flush();
  void UpdateWatch();

  const Log& log_;  // the program's
  Opener opener_;
  std::string device_;
  UniqueFd port_;
  Watch watch_;
  proto::FrameParser parser_;
  ByteQueue out_;
  std::map<Key, std::unique_ptr<Operation>> streams_;
  std::vector<std::unique_ptr<Operation>> over_;
  uint64_t connection_ = 0;
  bool host_is_there_ = false;
  bool greeted_ = false;  // the host's hello has come
  bool broken_ = false;   // start anew when the frame in hand is done with
  bool waits_for_port_ = false;
};

}  // namespace boxlite::agent
