// A QEMU machine with the guest agent in it, and the host's side of the agent's port.
//
// One thread. What takes longer than kDeadlineMs fails the test; nothing else here depends on time.
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "proto/frame.h"
#include "proto/messages.h"

namespace boxlite::guest_test {

constexpr int kDeadlineMs = 90'000;
constexpr uint32_t kWindow = 4 * 1024 * 1024;

enum class Credit { kWithheld, kGranted };

// What has come for one stream so far.
struct Stream {
  bool accepted = false;
  proto::Accepted acceptance;
  std::optional<proto::ErrorRecord> refusal;
  std::string data[proto::kChannelCount];
  uint64_t received[proto::kChannelCount] = {};  // counts on where `data` is not kept
  bool ended[proto::kChannelCount] = {};
  std::optional<Bytes> close;
  uint64_t may_send = 0;
  Credit credit = Credit::kGranted;
  bool keep = true;

  bool over() const { return refusal || close; }
};

// Gone with its owner, also where that fails to come into being.
struct TemporaryDirectory {
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();
  std::string path;
};

class Machine {
 public:
  // Boots; returns when the agent has said hello.
  Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine();

  // Waits for QEMU to connect anew and for the agent's hello.
  void Reconnect();
  void SayHello();
  void Configure();

  template <typename Request>
  uint32_t Open(Request request) {
    return OpenWith(proto::Encode(std::move(request)));
  }
  void Send(proto::Kind kind, uint32_t stream, ByteSpan payload,
            proto::Channel channel = proto::Channel::kInput);
  // As the stream's credit allows; ends the channel after the last byte.
  void SendAll(uint32_t stream, std::string_view data);
  template <typename Event>
  void SendEvent(uint32_t stream, Event event) {
    Send(proto::Kind::kEvent, stream, proto::Encode(std::move(event)));
  }
  void Grant(uint32_t stream, proto::Channel channel, uint32_t bytes);

  void RunUntil(const std::function<bool()>& reached);
  Stream& WaitAccepted(uint32_t stream);
  Stream& WaitOver(uint32_t stream);
  Stream& at(uint32_t stream) { return streams_[stream]; }
  template <typename Message>
  Message Closed(uint32_t stream) {
    return proto::Decode<Message>(*WaitOver(stream).close).TakeValue();
  }
  // Runs a command to its end.
  struct Outcome {
    std::string output, error;
    proto::ExecClosed closed;
  };
  Outcome Run(std::vector<std::string> argv);
  Outcome Shell(const std::string& script) { return Run({"sh", "-c", script}); }

  // The machine has ended by itself; its serial console's output.
  std::string WaitForEnd();
  bool said_bye() const { return said_bye_; }
  std::string Console() const;
  int hellos() const { return hellos_; }
  int unsupported() const { return unsupported_; }
  int64_t hello_ms() const { return hello_ms_; }
  const std::string& scratch() const { return scratch_; }

 private:
  void StartQemu();
  void Accept();
  bool ReadSome();
  void Handle(const proto::Frame& frame);
  uint32_t OpenWith(ByteSpan payload);

  TemporaryDirectory directory_;
  std::string scratch_;
  UniqueFd listener_, socket_;
  pid_t qemu_ = -1;
  proto::FrameParser parser_;
  Bytes unsent_;
  bool sending_ = false;
  std::map<uint32_t, Stream> streams_;
  uint32_t next_stream_ = 1;
  int hellos_ = 0;
  int unsupported_ = 0;
  bool said_bye_ = false;
  bool at_end_ = false;
  int64_t started_ms_ = 0, hello_ms_ = 0;
};

// An EXEC with what a shell would give it.
proto::Exec Command(std::vector<std::string> argv);

}  // namespace boxlite::guest_test
