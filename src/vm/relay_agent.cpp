// The relay's side towards the guest agent. Every frame here may be an attacker's.
#include <algorithm>

#include "vm/relay.h"

namespace boxlite::vm {
namespace {

using proto::Channel;
using proto::Kind;

Error Broken(const char* what) {
  return Error(Code::kEngine, std::string("the guest agent broke the protocol: ") + what);
}

size_t IndexOf(Channel channel) {
  return static_cast<size_t>(channel);
}

}  // namespace

uint32_t Relay::OpenOwn(ByteSpan request) {
  Stream& stream = NewStream(kSelf, 0, 0);
  ToAgent(stream, Kind::kOpen, request);
  return stream.agent_number;
}

Relay::Stream& Relay::NewStream(ClientId client, uint32_t client_number, uint32_t window) {
  do {
    ++last_number_;
  } while (last_number_ == proto::kConnectionStream || streams_.count(last_number_) != 0);
  auto stream = std::make_unique<Stream>();
  stream->client = client;
  stream->client_number = client_number;
  stream->agent_number = last_number_;
  stream->window = window;
  stream->output[IndexOf(Channel::kOutput)] = proto::SendWindow(window);
  stream->output[IndexOf(Channel::kError)] = proto::SendWindow(window);
  return *(streams_[last_number_] = std::move(stream));
}

Result<void> Relay::OnAgentFrame(const proto::Frame& frame) {
  if (phase_ == Phase::kEnded) return {};
  if (frame.header.stream == proto::kConnectionStream) return OnAgentConnectionFrame(frame);
  if (!agent_said_hello_) return Broken("its first frame is not HELLO");
  auto found = streams_.find(frame.header.stream);
  if (found == streams_.end()) return Broken("a frame of a stream that is not open");
  Stream& stream = *found->second;
  switch (frame.header.kind) {
    case Kind::kAccept:
      return OnAgentAccept(stream, frame);
    case Kind::kRefuse:
    case Kind::kClose:
      return OnAgentClose(stream, frame);
    case Kind::kData:
      return OnAgentData(stream, frame);
    case Kind::kEnd:
      return OnAgentEnd(stream, frame);
    case Kind::kCredit:
      return OnAgentCredit(stream, frame);
    case Kind::kEvent:
      if (stream.client != kSelf) ToClient(stream, Kind::kEvent, frame.payload);
      return {};
    case Kind::kUnsupported:
      return {};
    default:
      return Broken("a frame that only a client may send");
  }
}

Result<void> Relay::OnAgentConnectionFrame(const proto::Frame& frame) {
  if (frame.header.kind == Kind::kUnsupported) return {};
  if (frame.header.kind == Kind::kHello) {
    if (agent_said_hello_) return Broken("a second HELLO");
    auto hello = proto::Decode<proto::Hello>(frame.payload);
    if (!hello.ok()) return Broken("a malformed HELLO");
    BOXLITE_TRY(proto::NegotiateVersion(proto::Hello{}, hello.value()));
    if (hello.value().role != proto::Role::kAgent) return Broken("its role is another");
    agent_said_hello_ = true;
    owner_.OnAgentHello(hello.value());
    return {};
  }
  if (!agent_said_hello_) return Broken("its first frame is not HELLO");
  if (frame.header.kind == Kind::kBye) {
    auto bye = proto::Decode<proto::Bye>(frame.payload);
    if (!bye.ok()) return Broken("a malformed BYE");
    owner_.OnAgentBye(bye.value());
    return {};
  }
  uint8_t reply[proto::kHeaderSize], unknown[proto::kHeaderSize];
  proto::StoreHeader(frame.header, unknown);
  proto::StoreHeader({sizeof unknown, frame.header.stream, Kind::kUnsupported, Channel::kInput},
                     reply);
  // Cheap for the guest to ask for, so that it must not make us hold answers without end.
  if (owner_.AgentPending() > kAgentControlLimit) return Broken("it does not read");
  owner_.SendToAgent(reply, unknown);
  return {};
}

Result<void> Relay::OnAgentAccept(Stream& stream, const proto::Frame& frame) {
  if (stream.accepted) return Broken("a second ACCEPT");
  auto accepted = proto::Decode<proto::Accepted>(frame.payload);
  if (!accepted.ok()) return Broken("a malformed ACCEPT");
  if (accepted.value().window > proto::kMaxWindow) return Broken("a window that is too large");
  stream.accepted = true;
  stream.input = proto::SendWindow(accepted.value().window);
  if (stream.client == kSelf) return {};
  ToClient(stream, Kind::kAccept, frame.payload);
  return {};
}

Result<void> Relay::OnAgentData(Stream& stream, const proto::Frame& frame) {
  size_t size = frame.payload.size();
  Channel channel = frame.header.channel;
  if (!stream.accepted || channel == Channel::kInput || size == 0 ||
      stream.output_ended[IndexOf(channel)])
    return Broken("unexpected DATA");
  proto::SendWindow& window = stream.output[IndexOf(channel)];
  if (size > window.available()) return Broken("DATA beyond the granted window");
  window.Spend(size);
  if (stream.orphan) {
    if (window.available() < stream.window / 2) GrantForOrphan(stream, channel);
    return {};
  }
  if (Client* client = FindClient(stream.client)) client->credit -= size;
  ToClient(stream, Kind::kData, frame.payload, channel);
  return {};
}

Result<void> Relay::OnAgentEnd(Stream& stream, const proto::Frame& frame) {
  Channel channel = frame.header.channel;
  if (!stream.accepted || channel == Channel::kInput || stream.output_ended[IndexOf(channel)])
    return Broken("an unexpected END");
  stream.output_ended[IndexOf(channel)] = true;
  ToClient(stream, Kind::kEnd, {}, channel);
  return {};
}

Result<void> Relay::OnAgentCredit(Stream& stream, const proto::Frame& frame) {
  auto bytes = proto::ParseCredit(frame);
  if (!bytes.ok() || !stream.accepted || frame.header.channel != Channel::kInput)
    return Broken("an unexpected CREDIT");
  if (!stream.input.Grant(bytes.value()).ok()) return Broken("too much CREDIT");
  ToClient(stream, Kind::kCredit, frame.payload, Channel::kInput);
  return {};
}

Result<void> Relay::OnAgentClose(Stream& stream, const proto::Frame& frame) {
  bool refused = frame.header.kind == Kind::kRefuse;
  if (refused && stream.accepted) return Broken("REFUSE after ACCEPT");
  if (stream.client == kSelf) {
    Result<void> how;
    if (refused) {
      auto record = proto::Decode<proto::ErrorRecord>(frame.payload);
      if (!record.ok()) return Broken("a malformed REFUSE");
      how = proto::FromRecord(record.value());
    } else {
      auto closed = proto::Decode<proto::Closed>(frame.payload);
      if (!closed.ok()) return Broken("a malformed CLOSE");
      how = proto::FromRecord(closed.value().status);
    }
    uint32_t number = stream.agent_number;
    Erase(stream);
    owner_.OnOwnClosed(number, std::move(how));
    return {};
  }
  bool main = (stream.exec_flags & proto::kExecMain) != 0 && !refused;
  ToClient(stream, frame.header.kind, frame.payload);
  Erase(stream);
  return main ? OnMainClosed(frame) : Result<void>();
}

Result<void> Relay::OnMainClosed(const proto::Frame& frame) {
  auto closed = proto::Decode<proto::ExecClosed>(frame.payload);
  if (!closed.ok()) return Broken("a malformed CLOSE");
  owner_.OnMainExited(closed.value().exit_code);
  return {};
}

// From here on nobody grants credit but we. What was sent and not acknowledged is granted at once.
void Relay::MakeOrphan(Stream& stream) {
  stream.orphan = true;
  if ((stream.exec_flags & proto::kExecDetached) == 0) {
    ToAgent(stream, Kind::kCancel, {});
  } else if ((stream.exec_flags & proto::kExecStdin) != 0 && !stream.input_ended) {
    stream.input_ended = true;
    ToAgent(stream, Kind::kEnd, {});
  }
  GrantForOrphan(stream, Channel::kOutput);
  GrantForOrphan(stream, Channel::kError);
}

void Relay::GrantForOrphan(Stream& stream, Channel channel) {
  // A client that granted nothing at first and nothing later would have the guest wait for ever.
  constexpr uint32_t kLeast = 64 * 1024;
  stream.window = std::max(stream.window, kLeast);
  proto::SendWindow& window = stream.output[IndexOf(channel)];
  if (window.available() >= stream.window || stream.output_ended[IndexOf(channel)]) return;
  auto bytes = static_cast<uint32_t>(stream.window - window.available());
  if (!window.Grant(bytes).ok()) return;
  uint8_t payload[4];
  StoreLe(payload, bytes);
  ToAgent(stream, Kind::kCredit, payload, channel);
}

void Relay::RefuseNew(Error why) {
  if (phase_ == Phase::kEnded) return;
  phase_ = Phase::kRefusing;
  end_reason_ = std::move(why);
}

void Relay::EndStreams(Error why) {
  phase_ = Phase::kEnded;
  end_reason_ = std::move(why);
  auto streams = std::move(streams_);
  streams_.clear();
  for (auto& [number, stream] : streams) {
    if (stream->client != kSelf && !stream->orphan) EndStream(*stream, end_reason_);
  }
}

void Relay::EndStream(Stream& stream, const Error& why) {
  if (Client* client = FindClient(stream.client)) client->entries.erase(stream.client_number);
  proto::ErrorRecord record = proto::ToRecord(why);
  if (stream.accepted) {
    ToClient(stream, Kind::kClose, proto::Encode(proto::Closed{record}));
  } else {
    ToClient(stream, Kind::kRefuse, proto::Encode(record));
  }
}

void Relay::Erase(Stream& stream) {
  Client* client = stream.orphan ? nullptr : FindClient(stream.client);
  if (client) {
    client->credit -= stream.output[IndexOf(Channel::kOutput)].available() +
                      stream.output[IndexOf(Channel::kError)].available();
    client->entries.erase(stream.client_number);
  }
  streams_.erase(stream.agent_number);
}

void Relay::ToAgent(const Stream& stream, Kind kind, ByteSpan payload, Channel channel) {
  uint8_t header[proto::kHeaderSize];
  proto::StoreHeader({static_cast<uint32_t>(payload.size()), stream.agent_number, kind, channel},
                     header);
  owner_.SendToAgent(header, payload);
}

}  // namespace boxlite::vm
