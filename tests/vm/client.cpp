#include "vm/client.h"

#include <poll.h>

#include <climits>
#include <cstdlib>
#include <stdexcept>

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_socket.h"

namespace boxlite::vm_test {

using proto::Channel;
using proto::Kind;

namespace {

int patience_ms = kDeadlineMs;

int Patience() {
  return patience_ms;
}

// What every ACCEPT may hold, whatever else its record is.
struct Grant {
  uint32_t window = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(2, window);
  }
};

}  // namespace

void WaitWithoutDeadlines() {
  patience_ms = INT_MAX;
}

proto::Exec Command(std::vector<std::string> argv) {
  proto::Exec exec;
  exec.window = kWindow;
  exec.argv = std::move(argv);
  exec.env = {"PATH=/bin:/usr/bin"};
  return exec;
}

Client::Client(UniqueFd socket) : socket_(std::move(socket)) {
  proto::Hello hello;
  hello.build = "boxlite-vm test";
  Send(Kind::kHello, proto::kConnectionStream, proto::Encode(hello));
}

void Client::Send(Kind kind, uint32_t stream, ByteSpan payload, Channel channel) {
  Bytes frame;
  proto::AppendFrame(frame, kind, stream, payload, channel);
  SendRaw(frame);
}

// With BOXLITE_TRANSCRIPT=FILE, what goes each way is kept in FILE.client and FILE.server: so the
// golden transcripts of tests/golden/protocol are made (by the test Transcript.Session).
void Client::Record(const char* side, ByteSpan bytes) {
  const char* base = std::getenv("BOXLITE_TRANSCRIPT");
  if (base == nullptr) return;
  auto file = sys::Open(std::string(base) + side, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (!file.ok() || !sys::WriteAll(file.value().get(), bytes).ok())
    throw std::runtime_error("transcript");
}

void Client::SendRaw(ByteSpan bytes) {
  Record(".client", bytes);
  unsent_.insert(unsent_.end(), bytes.begin(), bytes.end());
  if (sending_) return;  // Called by the ReadSome below: the frame before it goes first.
  sending_ = true;
  while (!unsent_.empty()) {
    auto sent = sys::SendSome(socket_.get(), unsent_);
    if (!sent.ok()) break;  // The other side closed; reading tells.
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<ptrdiff_t>(sent.value()));
    if (unsent_.empty()) break;
    pollfd poll{socket_.get(), POLLOUT | POLLIN, 0};
    ::poll(&poll, 1, Patience());
    if ((poll.revents & POLLIN) != 0 && !ReadSome()) break;
  }
  unsent_.clear();
  sending_ = false;
}

void Client::SendAll(uint32_t stream, std::string_view data) {
  while (!data.empty()) {
    Stream& state = at(stream);
    if (!RunUntil([&] { return state.may_send > 0 || state.over(); }) || state.over()) return;
    size_t size = std::min<size_t>({data.size(), state.may_send, proto::kMaxDataPayload});
    Send(Kind::kData, stream, AsBytes(data.substr(0, size)));
    state.may_send -= size;
    data.remove_prefix(size);
  }
  Send(Kind::kEnd, stream, {});
}

bool Client::RunUntil(const std::function<bool()>& reached) {
  int64_t deadline_ms = MonotonicMs() + Patience();
  while (!reached()) {
    pollfd poll{socket_.get(), POLLIN, 0};
    auto left = static_cast<int>(deadline_ms - MonotonicMs());
    if (left <= 0 || ::poll(&poll, 1, left) <= 0) throw std::runtime_error("deadline reached");
    if (!ReadSome()) return reached();
  }
  return true;
}

bool Client::ReadSome() {
  constexpr size_t kSize = 256 * 1024;
  uint8_t* space = parser_.Space(kSize);
  auto count = sys::ReadSome(socket_.get(), space, kSize);
  if (!count.ok() || (count.value() && *count.value() == 0)) return false;
  if (!count.value()) return true;
  Record(".server", ByteSpan(space, *count.value()));
  parser_.Commit(*count.value());
  for (;;) {
    auto frame = parser_.Next();
    if (!frame.ok()) throw std::runtime_error(frame.error().message());
    if (!frame.value()) return true;
    Handle(*frame.value());
  }
}

void Client::Handle(const proto::Frame& frame) {
  Stream& stream = streams_[frame.header.stream];
  auto channel = static_cast<size_t>(frame.header.channel);
  Bytes payload(frame.payload.begin(), frame.payload.end());
  switch (frame.header.kind) {
    case Kind::kHello:
      ++hellos_;
      break;
    case Kind::kAccept:
      stream.may_send += proto::Decode<Grant>(payload).value().window;
      stream.accept = std::move(payload);
      break;
    case Kind::kRefuse:
      stream.refuse = std::move(payload);
      break;
    case Kind::kClose:
      stream.close = std::move(payload);
      break;
    case Kind::kEnd:
      stream.ended[channel] = true;
      break;
    case Kind::kCredit:
      stream.may_send += proto::ParseCredit(frame).value();
      break;
    case Kind::kUnsupported:
      ++unsupported_;
      break;
    case Kind::kData: {
      stream.received[channel] += payload.size();
      if (stream.keep) stream.data[channel].append(AsText(payload));
      Bytes credit;
      proto::AppendCredit(credit, frame.header.stream, frame.header.channel, frame.header.length);
      if (stream.grant) static_cast<void>(sys::SendSome(socket_.get(), credit));
      break;
    }
    default:
      throw std::runtime_error("an unexpected frame");
  }
}

Stream& Client::WaitAccepted(uint32_t stream) {
  Stream& state = at(stream);
  if (!RunUntil([&] { return state.accept || state.over(); }))
    throw std::runtime_error("the connection ended");
  if (!state.accept) throw std::runtime_error("not accepted");
  return state;
}

Stream& Client::WaitOver(uint32_t stream) {
  Stream& state = at(stream);
  if (!RunUntil([&] { return state.over(); })) throw std::runtime_error("the connection ended");
  return state;
}

bool Client::WaitClosed() {
  return !RunUntil([] { return false; });
}

Client::Outcome Client::Run(std::vector<std::string> argv) {
  uint32_t stream = Open(Command(std::move(argv)));
  Outcome outcome;
  outcome.closed = Closed<proto::ExecClosed>(stream);
  outcome.output = at(stream).data[1];
  outcome.error = at(stream).data[2];
  if (at(stream).refuse) outcome.closed.status = Refused(stream);
  return outcome;
}

}  // namespace boxlite::vm_test
