#include "helper/connection.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/sys_socket.h"

namespace boxlite::helper {
namespace {

using proto::Channel;
using proto::Kind;

constexpr size_t kReadSize = 128 * 1024;
constexpr int kSocketBuffer = 512 * 1024;
// Input waits in its Call above this mark, so that control frames are not stuck behind it.
constexpr size_t kInputMark = 1024 * 1024;
// A helper that lets this much wait does not read any more.
constexpr size_t kPendingLimit = 64 * 1024 * 1024;

// What every ACCEPT has, whatever else the operation says there.
struct AcceptHeader {
  uint32_t window = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(2, window);
  }
};

}  // namespace

// ---------------------------------------------------------------- Call

Call::Call(Connection* connection, uint32_t number, uint32_t window, CallHandler& handler)
    : connection_(connection), number_(number), handler_(handler) {
  received_.fill(proto::ReceiveWindow(window));
}

Call::~Call() {
  if (connection_ != nullptr) connection_->Forget(*this);
}

size_t Call::Send(ByteSpan data) {
  if (closed() || data.empty()) return 0;
  size_t sent = 0;
  while (sent < data.size() && connection_->Writable()) {
    size_t size = input_.Allow(std::min<size_t>(data.size() - sent, proto::kMaxDataPayload));
    if (size == 0) break;
    input_.Spend(size);
    connection_->Give(Kind::kData, number_, data.subspan(sent, size));
    sent += size;
  }
  blocked_ = sent < data.size();
  return sent;
}

void Call::SendEnd() {
  if (!closed()) connection_->Give(Kind::kEnd, number_, {});
}

void Call::SendEvent(ByteSpan record) {
  if (!closed()) connection_->Give(Kind::kEvent, number_, record);
}

void Call::Cancel() {
  if (!closed()) connection_->Give(Kind::kCancel, number_, {});
}

void Call::Consume(Channel channel, size_t bytes) {
  if (closed()) return;
  uint32_t grant = Received(channel).Consume(bytes);
  if (grant == 0 || ended_.at(static_cast<size_t>(channel))) return;
  uint8_t payload[4];
  StoreLe(payload, grant);
  connection_->Give(Kind::kCredit, number_, payload, channel);
}

// ---------------------------------------------------------------- Connection

Connection::Connection(loop::Loop& loop, std::string peer, Events events)
    : loop_(loop), peer_(std::move(peer)), events_(std::move(events)) {}

Connection::~Connection() {
  for (auto& [number, call] : calls_) {
    if (call != nullptr) call->connection_ = nullptr;
  }
}

Result<std::unique_ptr<Connection>> Connection::Create(loop::Loop& loop, UniqueFd socket,
                                                       std::string peer, Events events) {
  sys::EnlargeSocketBuffers(socket.get(), kSocketBuffer);
  std::unique_ptr<Connection> connection(new Connection(loop, std::move(peer), std::move(events)));
  connection->socket_ =
      BOXLITE_TRY(loop::Stream::Create(loop, std::move(socket), *connection, kPendingLimit));
  proto::Hello hello;
  hello.role = proto::Role::kClient;
  hello.build = "libboxlite";
  connection->Give(Kind::kHello, proto::kConnectionStream, proto::Encode(hello));
  return connection;
}

Result<std::unique_ptr<Call>> Connection::Open(ByteSpan request, uint32_t window,
                                               CallHandler& handler) {
  if (over_) return Error(Code::kStopped, peer_ + " has ended");
  if (request.size() > proto::kMaxRecordPayload)
    return Error(Code::kInvalidArgument,
                 "the request is larger than 4 MiB: its arguments and environment are too long");
  do {
    ++last_number_;
  } while (last_number_ == proto::kConnectionStream || calls_.count(last_number_) != 0);
  std::unique_ptr<Call> call(new Call(this, last_number_, window, handler));
  calls_.emplace(last_number_, call.get());
  Give(Kind::kOpen, last_number_, request);
  return call;
}

void Connection::Forget(Call& call) {
  calls_[call.number_] = nullptr;
  Give(Kind::kCancel, call.number_, {});
}

void Connection::Give(Kind kind, uint32_t number, ByteSpan payload, Channel channel) {
  if (over_) return;
  uint8_t header[proto::kHeaderSize];
  proto::StoreHeader({static_cast<uint32_t>(payload.size()), number, kind, channel}, header);
  Result<void> sent = socket_->Send(header, payload);
  if (sent.ok() || failing_) return;
  // Our caller may be in the middle of something: it hears of the end like everybody else.
  failing_ = std::make_unique<loop::Timer>(
      loop_, [this, why = sent.TakeError()] { Fail(Error(why).Context(peer_)); });
  failing_->Start(0);
}

bool Connection::Writable() const {
  return !over_ && socket_->pending() < kInputMark;
}

Error Connection::Broken(const std::string& what) const {
  return Error(Code::kInternal, peer_ + " broke the frame protocol: " + what);
}

std::span<uint8_t> Connection::ReadSpace() {
  return {parser_.Space(kReadSize), kReadSize};
}

void Connection::OnRead(size_t size) {
  parser_.Commit(size);
  std::weak_ptr<char> alive = alive_;
  while (!over_) {
    auto next = parser_.Next();
    if (!next.ok()) return Fail(Broken(next.error().message()));
    if (!next.value()) return;
    Result<void> handled = Handle(*next.value());
    if (alive.expired()) return;
    if (!handled.ok()) return Fail(handled.TakeError());
  }
}

void Connection::OnEnd(Result<void> why) {
  if (why.ok()) return Fail(Error(Code::kStopped, peer_ + " has ended"));
  Fail(why.TakeError().WithCode(Code::kStopped).Context(peer_));
}

void Connection::OnDrained() {
  std::weak_ptr<char> alive = alive_;
  std::vector<uint32_t> blocked;
  for (const auto& [number, call] : calls_) {
    if (call != nullptr && call->blocked_ && call->input_.available() > 0)
      blocked.push_back(number);
  }
  for (uint32_t number : blocked) {
    auto found = calls_.find(number);
    if (found == calls_.end() || found->second == nullptr) continue;
    found->second->handler_.OnWritable();
    if (alive.expired()) return;
  }
}

Result<void> Connection::Handle(const proto::Frame& frame) {
  if (!said_hello_ && frame.header.kind != Kind::kHello) return Broken("it did not say hello");
  if (frame.header.stream == proto::kConnectionStream) return HandleOfConnection(frame);
  auto found = calls_.find(frame.header.stream);
  if (found == calls_.end())
    return Broken("a frame for stream " + std::to_string(frame.header.stream) +
                  ", which nobody opened");
  return HandleOfCall(found->first, found->second, frame);
}

Result<void> Connection::HandleOfConnection(const proto::Frame& frame) {
  switch (frame.header.kind) {
    case Kind::kHello: {
      proto::Hello hello = BOXLITE_TRY(proto::Decode<proto::Hello>(frame.payload));
      BOXLITE_TRY(proto::NegotiateVersion(proto::Hello(), hello));
      said_hello_ = true;
      if (events_.hello) events_.hello(hello);
      return {};
    }
    case Kind::kBye:
    case Kind::kUnsupported:
      return {};
    default:
      uint8_t header[proto::kHeaderSize];
      proto::StoreHeader(frame.header, header);
      Give(Kind::kUnsupported, proto::kConnectionStream, header);
      return {};
  }
}

// `call` is nullptr where its Call was destroyed: then only the end counts.
Result<void> Connection::HandleOfCall(uint32_t number, Call* call, const proto::Frame& frame) {
  switch (frame.header.kind) {
    case Kind::kClose:
      CloseCall(number, call, frame.payload);
      return {};
    case Kind::kRefuse: {
      auto record = BOXLITE_TRY(proto::Decode<proto::ErrorRecord>(frame.payload));
      Result<void> why = proto::FromRecord(record);
      if (why.ok()) return Broken("a refusal without a reason");
      CloseCall(number, call, why.TakeError());
      return {};
    }
    case Kind::kUnsupported:
      return {};
    default:
      break;
  }
  if (call == nullptr) return {};
  switch (frame.header.kind) {
    case Kind::kAccept:
      return HandleAccept(*call, frame.payload);
    case Kind::kData:
      return HandleData(*call, frame);
    case Kind::kEnd:
      return HandleEnd(*call, frame.header.channel);
    case Kind::kCredit:
      return HandleCredit(*call, frame);
    case Kind::kEvent:
      call->handler_.OnEvent(frame.payload);
      return {};
    default:
      uint8_t header[proto::kHeaderSize];
      proto::StoreHeader(frame.header, header);
      Give(Kind::kUnsupported, number, header);
      return {};
  }
}

Result<void> Connection::HandleAccept(Call& call, ByteSpan record) {
  auto accepted = BOXLITE_TRY(proto::Decode<AcceptHeader>(record));
  BOXLITE_TRY(call.input_.Grant(accepted.window));
  uint32_t number = call.number_;
  std::weak_ptr<char> alive = alive_;
  call.handler_.OnAccept(record);
  if (alive.expired() || accepted.window == 0) return {};
  auto found = calls_.find(number);
  if (found != calls_.end() && found->second != nullptr) found->second->handler_.OnWritable();
  return {};
}

Result<void> Connection::HandleData(Call& call, const proto::Frame& frame) {
  Channel channel = frame.header.channel;
  if (channel == Channel::kInput) return Broken("data on the input channel");
  if (frame.payload.empty()) return Broken("data without a byte");
  if (call.ended_.at(static_cast<size_t>(channel))) return Broken("data after the end");
  Result<void> received = call.Received(channel).Receive(frame.payload.size());
  if (!received.ok()) return Broken(received.error().message());
  call.handler_.OnData(channel, frame.payload);
  return {};
}

Result<void> Connection::HandleEnd(Call& call, Channel channel) {
  bool& ended = call.ended_.at(static_cast<size_t>(channel));
  if (channel == Channel::kInput || ended) return Broken("an end too many");
  ended = true;
  call.handler_.OnEnd(channel);
  return {};
}

Result<void> Connection::HandleCredit(Call& call, const proto::Frame& frame) {
  uint32_t bytes = BOXLITE_TRY(proto::ParseCredit(frame));
  if (frame.header.channel != Channel::kInput) return Broken("credit for a channel that we read");
  BOXLITE_TRY(call.input_.Grant(bytes));
  if (call.blocked_) call.handler_.OnWritable();
  return {};
}

void Connection::CloseCall(uint32_t number, Call* call, Result<ByteSpan> how) {
  calls_.erase(number);
  if (call == nullptr) return;
  call->connection_ = nullptr;
  call->handler_.OnClosed(std::move(how));
}

void Connection::Fail(const Error& why) {
  if (over_) return;
  over_ = true;
  socket_->PauseReading();
  std::weak_ptr<char> alive = alive_;
  while (!calls_.empty()) {
    auto [number, call] = *calls_.begin();
    CloseCall(number, call, why);
    if (alive.expired()) return;
  }
  auto ended = events_.ended;  // It may destroy us.
  if (ended) ended(why);
}

}  // namespace boxlite::helper
