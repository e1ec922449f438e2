// The relay's side towards the clients.
#include "vm/relay.h"

namespace boxlite::vm {
namespace {

using proto::Channel;
using proto::Kind;
using proto::Op;

Error Broken(const char* what) {
  return Error(Code::kInternal, std::string("protocol error: ") + what);
}

bool IsOwn(Op op) {
  return op == Op::kLaunch || op == Op::kInfo || op == Op::kStop || op == Op::kSignalMain;
}

bool IsRelayed(Op op) {
  switch (op) {
    case Op::kExec:
    case Op::kWriteFile:
    case Op::kReadFile:
    case Op::kPutTree:
    case Op::kGetTree:
    case Op::kListFiles:
    case Op::kStatFile:
    case Op::kMakeDirectory:
    case Op::kRenameFile:
    case Op::kRemoveFile:
    case Op::kListProcesses:
      return true;
    default:
      return false;
  }
}

// The fields of EXEC that concern the relay.
struct ExecHeader {
  uint32_t flags = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(20, flags);
  }
};

}  // namespace

ClientId Relay::AddClient() {
  clients_[++last_client_];
  return last_client_;
}

void Relay::RemoveClient(ClientId id) {
  Client* client = FindClient(id);
  if (!client) return;
  auto entries = std::move(client->entries);
  clients_.erase(id);
  for (auto& [number, entry] : entries) {
    if (entry.stream) MakeOrphan(*entry.stream);
  }
}

Result<void> Relay::OnClientFrame(ClientId id, const proto::Frame& frame) {
  Client* client = FindClient(id);
  if (!client) return {};
  if (frame.header.kind == Kind::kHello) return OnClientHello(id, *client, frame);
  if (!client->said_hello) return Broken("the first frame is not HELLO");
  // A client that sends faster than the guest reads is stopped by its windows, except for requests.
  if (frame.header.kind != Kind::kData && owner_.AgentPending() > kAgentControlLimit)
    return Error(Code::kResourceExhausted, "too many requests wait for the guest");
  switch (frame.header.kind) {
    case Kind::kOpen:
      return OnClientOpen(id, *client, frame);
    case Kind::kData:
    case Kind::kEnd:
    case Kind::kCredit:
    case Kind::kEvent:
    case Kind::kCancel:
      return OnClientStreamFrame(id, *client, frame);
    case Kind::kAccept:
    case Kind::kRefuse:
    case Kind::kClose:
      return Broken("a client answered");
    case Kind::kUnsupported:
      return {};
    default: {
      uint8_t header[proto::kHeaderSize];
      proto::StoreHeader(frame.header, header);
      SendToClient(id, frame.header.stream, Kind::kUnsupported, header);
      return {};
    }
  }
}

Result<void> Relay::OnClientHello(ClientId, Client& client, const proto::Frame& frame) {
  if (client.said_hello || frame.header.stream != proto::kConnectionStream)
    return Broken("an unexpected HELLO");
  auto hello = BOXLITE_TRY(proto::Decode<proto::Hello>(frame.payload));
  BOXLITE_TRY(proto::NegotiateVersion(proto::Hello{}, hello));
  client.said_hello = true;
  return {};
}

Result<void> Relay::OnClientOpen(ClientId id, Client& client, const proto::Frame& frame) {
  uint32_t number = frame.header.stream;
  if (number == proto::kConnectionStream || client.entries.count(number) != 0)
    return Broken("OPEN of a stream that is in use");
  auto header = proto::Decode<proto::OpenHeader>(frame.payload);
  if (!header.ok()) {
    Refuse(id, number, header.error());
    return {};
  }
  Op op = header.value().op;
  if (IsOwn(op)) {
    client.entries[number] = {nullptr, op};
    owner_.OnOperation(id, number, op, frame.payload);
    return {};
  }
  if (!IsRelayed(op)) {
    Refuse(id, number,
           Error(Code::kUnsupported,
                 "boxlite-vm does not know operation " + std::to_string(static_cast<int>(op))));
    return {};
  }
  return OpenRelayed(id, client, frame, header.value());
}

Result<void> Relay::OpenRelayed(ClientId id, Client& client, const proto::Frame& frame,
                                const proto::OpenHeader& header) {
  uint32_t number = frame.header.stream;
  if (header.window > proto::kMaxWindow) return Broken("a window that is too large");
  auto exec = proto::Decode<ExecHeader>(frame.payload);
  const Error* refusal = phase_ != Phase::kReady ? &end_reason_ : nullptr;
  if (!exec.ok()) refusal = &exec.error();
  uint64_t credit = uint64_t{header.window} * 2;
  Error too_much(Code::kResourceExhausted, "too much runs in the box through one connection",
                 "wait for some of it to end");
  if (streams_.size() >= kMaxStreams || client.credit + credit > kMaxClientCredit)
    refusal = &too_much;
  if (refusal) {
    Refuse(id, number, *refusal);
    return {};
  }
  client.credit += credit;
  Stream& stream = NewStream(id, number, header.window);
  if (header.op == Op::kExec) stream.exec_flags = exec.value().flags;
  client.entries[number] = {&stream, header.op};
  ToAgent(stream, Kind::kOpen, frame.payload);
  return {};
}

Result<void> Relay::OnClientStreamFrame(ClientId id, Client& client, const proto::Frame& frame) {
  auto found = client.entries.find(frame.header.stream);
  if (found == client.entries.end()) return {};  // It crossed the stream's CLOSE.
  Stream* stream = found->second.stream;
  if (!stream) {
    if (frame.header.kind == Kind::kCancel)
      owner_.OnOperationCancelled(id, frame.header.stream, found->second.op);
    return {};
  }
  switch (frame.header.kind) {
    case Kind::kData:
      return OnClientData(*stream, frame);
    case Kind::kCredit:
      return OnClientCredit(client, *stream, frame);
    case Kind::kEnd:
      if (frame.header.channel != Channel::kInput || stream->input_ended)
        return Broken("an unexpected END");
      stream->input_ended = true;
      ToAgent(*stream, Kind::kEnd, {});
      return {};
    case Kind::kEvent:
      ToAgent(*stream, Kind::kEvent, frame.payload);
      return {};
    default:
      ToAgent(*stream, Kind::kCancel, {});
      return {};
  }
}

Result<void> Relay::OnClientData(Stream& stream, const proto::Frame& frame) {
  size_t size = frame.payload.size();
  if (frame.header.channel != Channel::kInput || stream.input_ended || size == 0)
    return Broken("unexpected DATA");
  if (size > stream.input.available()) return Broken("DATA beyond the granted window");
  stream.input.Spend(size);
  ToAgent(stream, Kind::kData, frame.payload);
  return {};
}

Result<void> Relay::OnClientCredit(Client& client, Stream& stream, const proto::Frame& frame) {
  uint32_t bytes = BOXLITE_TRY(proto::ParseCredit(frame));
  if (frame.header.channel == Channel::kInput) return Broken("CREDIT on a channel of the client");
  BOXLITE_TRY(stream.output[static_cast<size_t>(frame.header.channel)].Grant(bytes));
  client.credit += bytes;
  if (client.credit > kMaxClientCredit) return Broken("more CREDIT than a client may grant");
  ToAgent(stream, Kind::kCredit, frame.payload, frame.header.channel);
  return {};
}

Result<void> Relay::SignalMain(uint8_t number) {
  for (auto& [agent_number, stream] : streams_) {
    if ((stream->exec_flags & proto::kExecMain) == 0 || !stream->accepted) continue;
    proto::SignalEvent event;
    event.scope = proto::SignalScope::kProcess;
    event.number = number;
    ToAgent(*stream, Kind::kEvent, proto::Encode(event));
    return {};
  }
  return Error(Code::kInvalidState, "the box has no main command that runs");
}

void Relay::Refuse(ClientId id, uint32_t number, const Error& why) {
  SendToClient(id, number, Kind::kRefuse, proto::Encode(proto::ToRecord(why)));
}

void Relay::Answer(ClientId id, uint32_t number, Kind kind, ByteSpan payload) {
  Client* client = FindClient(id);
  if (!client) return;
  auto found = client->entries.find(number);
  if (found == client->entries.end() || found->second.stream) return;
  if (kind != Kind::kAccept) client->entries.erase(found);
  SendToClient(id, number, kind, payload);
}

Relay::Client* Relay::FindClient(ClientId id) {
  auto found = clients_.find(id);
  return found == clients_.end() ? nullptr : &found->second;
}

void Relay::ToClient(const Stream& stream, Kind kind, ByteSpan payload, Channel channel) {
  if (!stream.orphan) SendToClient(stream.client, stream.client_number, kind, payload, channel);
}

void Relay::SendToClient(ClientId client, uint32_t number, Kind kind, ByteSpan payload,
                         Channel channel) {
  uint8_t header[proto::kHeaderSize];
  proto::StoreHeader({static_cast<uint32_t>(payload.size()), number, kind, channel}, header);
  owner_.SendToClient(client, header, payload);
}

}  // namespace boxlite::vm
