#include "guest-agent/session.h"

#include <unistd.h>

#include <cerrno>

#include "base/sys.h"
#include "guest-agent/version.h"
#include "proto/messages.h"

namespace boxlite::agent {

using proto::Channel;
using proto::Frame;
using proto::Kind;

namespace {

constexpr size_t kEnoughQueued = 256 * 1024;        // no new data beyond this
constexpr size_t kTooMuchQueued = 4 * 1024 * 1024;  // no new requests either
constexpr size_t kReadSize = 64 * 1024;
constexpr int kReadsPerTurn = 64;  // the kernel hands over a page at a time

Error ProtocolError(const char* what) {
  return Error(Code::kInternal, std::string("protocol error: ") + what);
}

}  // namespace

Session::Session(Loop& loop, const Log& log, Opener opener)
    : log_(log),
      opener_(std::move(opener)),
      watch_(loop, [this](uint32_t events) { OnPort(events); }) {}

Result<void> Session::Attach(const std::string& device) {
  device_ = device;
  port_ = BOXLITE_TRY(sys::Open(device, O_RDWR | O_NONBLOCK));
  NewConnection();
  UpdateWatch();
  return {};
}

void Session::OnPort(uint32_t events) {
  if ((events & EPOLLHUP) != 0) return HostLeft();
  if (!host_is_there_) HostCame();
  if ((events & EPOLLOUT) != 0) Flush();
  if ((events & EPOLLIN) != 0) Receive();
  if (broken_) {
    // Frames already promised to the host go out whole; what it sent is forgotten with the port.
    port_.Reset();
    watch_.Stop();
    NewConnection();
    auto opened = sys::Open(device_, O_RDWR | O_NONBLOCK);
    if (!opened.ok()) return log_.Errors(opened.error().message());
    port_ = opened.TakeValue();
    if (host_is_there_) SayHello();
  }
  UpdateWatch();
}

void Session::HostCame() {
  host_is_there_ = true;
  SayHello();
}

void Session::HostLeft() {
  if (host_is_there_) {
    host_is_there_ = false;
    out_.Clear();
    NewConnection();
  }
  UpdateWatch();
}

// Every stream of the connection so far is cancelled and cut off.
void Session::NewConnection() {
  ++connection_;
  parser_ = proto::FrameParser();
  greeted_ = broken_ = false;
  CutStreams();
}

// One that was cut before and has not ended yet is told once more, which does nothing.
void Session::CutStreams() {
  std::vector<Operation*> cut;
  for (auto& [key, operation] : streams_) cut.push_back(operation.get());
  for (Operation* operation : cut) operation->OnCancel();
}

void Session::SayHello() {
  proto::Hello hello;
  hello.role = proto::Role::kAgent;
  hello.build = kBuild;
  Send(Kind::kHello, proto::kConnectionStream, proto::Encode(hello));
}

void Session::Broken(const Error& error) {
  log_.Errors(error.message());
  broken_ = true;
}

void Session::Receive() {
  for (int i = 0; i < kReadsPerTurn && !broken_; ++i) {
    uint8_t* space = parser_.Space(kReadSize);
    ssize_t count = ::read(port_.get(), space, kReadSize);
    if (count <= 0) break;
    parser_.Commit(static_cast<size_t>(count));
    Result<void> handled = HandleFrames();
    if (!handled.ok()) Broken(handled.error());
  }
}

Result<void> Session::HandleFrames() {
  while (!broken_) {
    auto frame = BOXLITE_TRY(parser_.Next());
    if (!frame) break;
    BOXLITE_TRY(Handle(*frame));
  }
  return {};
}

Result<void> Session::Handle(const Frame& frame) {
  switch (frame.header.kind) {
    case Kind::kHello:
      return HandleHello(frame);
    case Kind::kOpen:
      return HandleOpen(frame);
    case Kind::kData:
    case Kind::kEnd:
    case Kind::kCredit:
    case Kind::kEvent:
    case Kind::kCancel:
      return HandleStream(frame);
    case Kind::kAccept:
    case Kind::kRefuse:
    case Kind::kClose:
    case Kind::kBye:
    case Kind::kParked:
      return ProtocolError("a client sent what only a server sends");
    case Kind::kUnsupported:
      return {};
    case Kind::kPark:
      break;
  }
  uint8_t header[proto::kHeaderSize];
  proto::StoreHeader(frame.header, header);
  Send(Kind::kUnsupported, frame.header.stream, header);
  return {};
}

Result<void> Session::HandleHello(const Frame& frame) {
  auto theirs = BOXLITE_TRY(proto::Decode<proto::Hello>(frame.payload));
  BOXLITE_TRY(proto::NegotiateVersion(proto::Hello(), theirs));
  if (greeted_) {
    // A new host took the port so quickly that its coming and the other's going looked like
    // nothing.
    ++connection_;
    CutStreams();
    SayHello();
  }
  greeted_ = true;
  return {};
}

Result<void> Session::HandleOpen(const Frame& frame) {
  if (!greeted_) return ProtocolError("a stream before the hello");
  Key key(connection_, frame.header.stream);
  if (key.second == proto::kConnectionStream) return ProtocolError("stream 0 opened");
  if (streams_.count(key) != 0) return ProtocolError("a stream opened twice");
  // The stream is in the table before the operation exists: it may end while it is being made.
  streams_.emplace(key, nullptr);
  Stream stream(*this, connection_, key.second);
  auto operation = opener_(stream, frame.payload);
  if (!operation.ok()) {
    stream.Refuse(operation.error());
    return {};
  }
  auto place = streams_.find(key);
  if (place == streams_.end()) {
    over_.push_back(operation.TakeValue());
  } else if (operation.value()) {
    place->second = operation.TakeValue();
  }
  return {};
}

Result<void> Session::HandleStream(const Frame& frame) {
  auto place = streams_.find(Key(connection_, frame.header.stream));
  if (place == streams_.end() || !place->second) return {};  // It crossed our CLOSE.
  Operation& operation = *place->second;
  switch (frame.header.kind) {
    case Kind::kData:
      if (frame.header.channel != Channel::kInput || frame.payload.empty()) {
        return ProtocolError("malformed data");
      }
      operation.OnData(frame.payload);
      return {};
    case Kind::kEnd:
      operation.OnEnd();
      return {};
    case Kind::kCredit: {
      uint32_t bytes = BOXLITE_TRY(proto::ParseCredit(frame));
      return operation.OnCredit(frame.header.channel, bytes);
    }
    case Kind::kEvent:
      operation.OnEvent(frame.payload);
      return {};
    default:
      operation.OnCancel();
      return {};
  }
}

void Session::Over(uint64_t connection, uint32_t stream) {
  auto place = streams_.find(Key(connection, stream));
  if (place == streams_.end()) return;
  over_.push_back(std::move(place->second));
  streams_.erase(place);
}

void Session::Send(Kind kind, uint32_t stream, ByteSpan payload, Channel channel) {
  if (!host_is_there_) return;
  uint8_t header[proto::kHeaderSize];
  proto::StoreHeader({static_cast<uint32_t>(payload.size()), stream, kind, channel}, header);
  out_.Append(header);
  out_.Append(payload);
  Flush();
}

bool Session::HasRoom() const {
  return host_is_there_ && out_.size() < kEnoughQueued;
}

uint8_t* Session::BeginData(size_t size) {
  return out_.Space(proto::kHeaderSize + size) + proto::kHeaderSize;
}

void Session::CommitData(uint32_t stream, Channel channel, size_t size) {
  uint8_t header[proto::kHeaderSize];
  proto::StoreHeader({static_cast<uint32_t>(size), stream, Kind::kData, channel}, header);
  out_.Append(header);  // its place is where BeginData left room for it
  out_.Commit(size);
  Flush();
}

void Session::Flush() {
  bool had_room = HasRoom();
  waits_for_port_ = false;
  while (out_.size() > 0) {
    ByteSpan waiting = out_.waiting();
    ssize_t count = ::write(port_.get(), waiting.data(), waiting.size());
    if (count < 0 && errno == EINTR) continue;
    waits_for_port_ = count < 0;
    if (count <= 0) break;
    out_.Consume(static_cast<size_t>(count));
  }
  UpdateWatch();
  if (had_room || !HasRoom()) return;
  std::vector<Operation*> open;
  for (auto& [key, operation] : streams_) {
    if (key.first == connection_ && operation) open.push_back(operation.get());
  }
  for (Operation* operation : open) operation->OnRoom();
}

void Session::UpdateWatch() {
  if (!port_) return;
  uint32_t events = EPOLLIN | EPOLLOUT | EPOLLET;
  if (host_is_there_) {
    events = out_.size() < kTooMuchQueued ? EPOLLIN : 0u;
    if (waits_for_port_) events |= EPOLLOUT;
  }
  auto watched = watch_.Want(port_.get(), events);
  if (!watched.ok()) log_.Errors(watched.error().message());
}

void Session::SendLast(Kind kind, ByteSpan payload) {
  if (!host_is_there_) return;
  Send(kind, proto::kConnectionStream, payload);
  // Without O_NONBLOCK a write to the port returns when the host has taken the bytes.
  int flags = ::fcntl(port_.get(), F_GETFL);
  ::fcntl(port_.get(), F_SETFL, flags & ~O_NONBLOCK);
  while (out_.size() > 0) {
    ssize_t count = ::write(port_.get(), out_.waiting().data(), out_.size());
    if (count <= 0) break;
    out_.Consume(static_cast<size_t>(count));
  }
}

}  // namespace boxlite::agent
