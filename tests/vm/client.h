// A client of boxlite-vm for tests: blocking, one thread. What takes longer than kDeadlineMs fails
// the test; nothing else depends on time.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"
#include "proto/frame.h"
#include "proto/messages.h"

namespace boxlite::vm_test {

constexpr int kDeadlineMs = 120'000;
// Where time leaps (the KVM rig's instruction-counted time) no deadline says anything.
void WaitWithoutDeadlines();
constexpr uint32_t kWindow = 1024 * 1024;

// What has come for one stream so far.
struct Stream {
  std::optional<Bytes> accept, refuse, close;
  std::string data[proto::kChannelCount];
  uint64_t received[proto::kChannelCount] = {};
  bool ended[proto::kChannelCount] = {};
  uint64_t may_send = 0;
  bool grant = true;  // credit for what came
  bool keep = true;   // in `data`

  bool over() const { return refuse || close; }
};

class Client {
 public:
  explicit Client(UniqueFd socket);

  template <typename Request>
  uint32_t Open(Request request) {
    uint32_t number = ++last_;
    Send(proto::Kind::kOpen, number, proto::Encode(std::move(request)));
    return number;
  }
  void Send(proto::Kind kind, uint32_t stream, ByteSpan payload,
            proto::Channel channel = proto::Channel::kInput);
  void SendRaw(ByteSpan bytes);
  void SendAll(uint32_t stream, std::string_view data);  // as credit allows, then END

  // False where the other side closed first.
  bool RunUntil(const std::function<bool()>& reached);
  Stream& WaitAccepted(uint32_t stream);
  Stream& WaitOver(uint32_t stream);
  bool WaitClosed();  // by the other side
  Stream& at(uint32_t stream) { return streams_[stream]; }

  template <typename Message>
  Message Closed(uint32_t stream) {
    Stream& over = WaitOver(stream);
    return over.close ? proto::Decode<Message>(*over.close).TakeValue() : Message{};
  }
  proto::ErrorRecord Refused(uint32_t stream) {
    Stream& over = WaitOver(stream);
    return over.refuse ? proto::Decode<proto::ErrorRecord>(*over.refuse).TakeValue()
                       : proto::ErrorRecord{};
  }

  struct Outcome {
    std::string output, error;
    proto::ExecClosed closed;
  };
  Outcome Run(std::vector<std::string> argv);
  Outcome Shell(const std::string& script) { return Run({"sh", "-c", script}); }

  int hellos() const { return hellos_; }
  int unsupported() const { return unsupported_; }
  void Close() { socket_.Reset(); }

 private:
  static void Record(const char* side, ByteSpan bytes);
  bool ReadSome();
  void Handle(const proto::Frame& frame);

  UniqueFd socket_;
  proto::FrameParser parser_;
  Bytes unsent_;
  bool sending_ = false;
  std::map<uint32_t, Stream> streams_;
  uint32_t last_ = 0;
  int hellos_ = 0, unsupported_ = 0;
};

proto::Exec Command(std::vector<std::string> argv);

}  // namespace boxlite::vm_test
