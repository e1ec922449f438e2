#include "vm/box.h"

#include <unistd.h>

#include <algorithm>

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_socket.h"

namespace boxlite::vm {
namespace {

using proto::ExitReason;
using proto::Kind;

constexpr size_t kLogFileLimit = 1024 * 1024;
constexpr size_t kClientPendingLimit = Relay::kMaxClientCredit + 16 * 1024 * 1024;
constexpr size_t kAgentPendingLimit = 256 * 1024 * 1024;
constexpr size_t kMaxClients = 128;
constexpr int kClientBuffer = 1024 * 1024;
constexpr uint64_t kBootMs = 60'000;
constexpr uint64_t kConfigureMs = 30'000;
constexpr uint32_t kSignalGraceMs = 5000;
constexpr uint32_t kCancelGraceMs = 2000;
constexpr size_t kEntropySize = 64;

}  // namespace

Box::Box(loop::Loop& loop, Parts parts)
    : loop_(loop),
      parts_(std::move(parts)),
      console_(parts_.log_file.get(), kLogFileLimit),
      user_(::geteuid()),
      relay_(*this),
      deadline_(loop, [this] { OnDeadline(); }),
      sweep_(loop, [this] { RemoveClosedClients(); }),
      panic_(loop, [this] { Halt(PanicReason(), console_.panic()); }),
      halt_(loop, [this] {
        Halt(ExitReason::kReset, "the guest switched its machine off (" + console_.halt() + ")");
      }) {
  launched_.engine = parts_.engine.engine;
  launched_.isolation = parts_.engine.isolation;
  launched_.engine_reason = parts_.engine.reason;
  launched_.kvm_speed = parts_.engine.kvm_speed;
}

Box::~Box() = default;

Result<void> Box::Start() {
  BOXLITE_TRY(StartAgent());
  BOXLITE_TRY(StartSignals());
  machine::MachineEvents events;
  events.on_console = [this](std::string_view bytes) { OnConsole(bytes); };
  events.on_report = [this](std::string_view line) { console_.AppendOwn(line); };
  events.on_ended = [this](const machine::MachineEnd& end) { OnMachineEnded(end); };
  events.on_thread = parts_.on_thread;
  BOXLITE_TRY(parts_.machine->Start(loop_, std::move(events)));
  deadline_.Start(kBootMs);
  return StartFirstClient();
}

void Box::SetJail(const std::vector<std::string>& layers) {
  for (const std::string& line : parts_.machine->jail_layers())
    launched_.jail.push_back("qemu " + line);
  launched_.jail.insert(launched_.jail.end(), layers.begin(), layers.end());
}

// ---------------------------------------------------------------- connections

Result<void> Box::StartAgent() {
  Connection::Events events;
  events.frame = [this](const proto::Frame& frame) { return relay_.OnAgentFrame(frame); };
  events.ended = [this](const Result<void>& why) { OnAgentEnded(why); };
  auto open = [this](loop::StreamHandler& handler) {
    return parts_.machine->OpenAgentStream(loop_, handler, kAgentPendingLimit);
  };
  agent_ = BOXLITE_TRY(Connection::Create(loop_, open, std::move(events)));
  Bytes hello = HelloFrame();
  return agent_->Send(hello, {});
}

Result<void> Box::StartSignals() {
  signals_ = BOXLITE_TRY(loop::FdPoll::Create(loop_, parts_.signals.get(), [this](loop::Interest) {
    signals_.reset();
    Stop(ExitReason::kStopped, "boxlite-vm was asked to end by a signal", kSignalGraceMs);
  }));
  signals_->Wait({.readable = true});
  return {};
}

Result<void> Box::StartFirstClient() {
  FirstClient& first = parts_.first_client;
  ClientId id = BOXLITE_TRY(AddClient(std::move(first.socket), first.rest));
  auto feed = [&](Kind kind, uint32_t stream, const Bytes& payload) {
    proto::FrameHeader header{static_cast<uint32_t>(payload.size()), stream, kind, {}};
    return relay_.OnClientFrame(id, {header, payload});
  };
  BOXLITE_TRY(feed(Kind::kHello, proto::kConnectionStream, first.hello));
  launch_ = {id, first.stream};
  return feed(Kind::kOpen, first.stream, first.launch);
}

Result<ClientId> Box::AddClient(UniqueFd socket, ByteSpan read_so_far) {
  sys::EnlargeSocketBuffers(socket.get(), kClientBuffer);
  ClientId id = relay_.AddClient();
  Connection::Events events;
  events.frame = [this, id](const proto::Frame& frame) { return relay_.OnClientFrame(id, frame); };
  events.ended = [this, id](const Result<void>&) { OnClientEnded(id); };
  events.drained = [this] {
    if (state_ == State::kEnded) sweep_.Start(0);  // It may be what the end waits for.
  };
  auto connection = Connection::Create(loop_, std::move(socket), kClientPendingLimit,
                                       std::move(events), read_so_far);
  if (!connection.ok()) {
    relay_.RemoveClient(id);
    return connection.TakeError();
  }
  clients_[id] = connection.TakeValue();
  return id;
}

void Box::OnConnection(UniqueFd socket) {
  auto peer = sys::PeerOf(socket.get());
  bool ours = peer.ok() && (peer.value().uid == user_ || peer.value().uid == 0);
  if (!ours || clients_.size() >= kMaxClients) return;
  auto id = AddClient(std::move(socket), {});
  if (id.ok()) SendToClient(id.value(), HelloFrame(), {});
}

void Box::OnClientEnded(ClientId id) {
  relay_.RemoveClient(id);
  sweep_.Start(0);
  if (id == launch_.first && !parts_.launch.detached)
    Stop(ExitReason::kLifeline, "the box's owner went away", kCancelGraceMs);
}

void Box::RemoveClosedClients() {
  for (auto at = clients_.begin(); at != clients_.end();)
    at = at->second->over() ? clients_.erase(at) : std::next(at);
  FinishWhenFlushed();
}

void Box::SendToClient(ClientId id, ByteSpan head, ByteSpan body) {
  auto found = clients_.find(id);
  if (found == clients_.end() || found->second->closed()) return;
  if (found->second->Send(head, body).ok()) return;
  // It granted more than it reads. The relay is in the middle of something: later.
  found->second->Abandon();
}

void Box::SendToAgent(ByteSpan head, ByteSpan body) {
  if (agent_->closed() || agent_->Send(head, body).ok()) return;
  agent_->Abandon();
}

size_t Box::AgentPending() const {
  return agent_->pending();
}

// ---------------------------------------------------------------- operations

void Box::OnOperation(ClientId client, uint32_t stream, proto::Op op, ByteSpan request) {
  if (op == proto::Op::kInfo) return AnswerInfo(client, stream);
  if (op == proto::Op::kStop) return OnStop(client, stream, request);
  if (op == proto::Op::kSignalMain) return OnSignalMain(client, stream, request);
  if (launch_ == Operation{client, stream} && state_ == State::kBooting) return;
  Error error(Code::kInvalidState, "the box was launched already");
  relay_.Answer(client, stream, Kind::kRefuse, proto::Encode(proto::ToRecord(error)));
}

void Box::AnswerInfo(ClientId client, uint32_t stream) {
  proto::InfoClosed info;
  info.pid = static_cast<uint32_t>(::getpid());
  info.launched = launched_;
  relay_.Answer(client, stream, Kind::kClose, proto::Encode(info));
}

void Box::OnStop(ClientId client, uint32_t stream, ByteSpan request) {
  auto stop = proto::Decode<proto::Stop>(request);
  if (!stop.ok()) {
    auto record = proto::ToRecord(stop.error());
    return relay_.Answer(client, stream, Kind::kRefuse, proto::Encode(record));
  }
  if (state_ == State::kEnded)
    return relay_.Answer(client, stream, Kind::kClose, proto::Encode(proto::Closed{}));
  stops_.emplace_back(client, stream);
  Stop(ExitReason::kStopped, "it was asked to stop", stop.value().timeout_ms);
}

void Box::OnSignalMain(ClientId client, uint32_t stream, ByteSpan request) {
  auto signal = proto::Decode<proto::SignalMain>(request);
  Result<void> sent =
      signal.ok() ? relay_.SignalMain(signal.value().number) : Result<void>(signal.TakeError());
  if (sent.ok()) return relay_.Answer(client, stream, Kind::kClose, proto::Encode(proto::Closed{}));
  relay_.Answer(client, stream, Kind::kRefuse, proto::Encode(proto::ToRecord(sent.error())));
}

void Box::OnOperationCancelled(ClientId, uint32_t, proto::Op op) {
  // A stop cannot be taken back.
  if (op == proto::Op::kLaunch)
    Stop(ExitReason::kStopped, "its launch was cancelled", kCancelGraceMs);
}

void Box::OnAgentHello(const proto::Hello& hello) {
  launched_.agent_build = hello.build;
  launched_.boot_ms = static_cast<uint64_t>((MonotonicNs() - parts_.started_ns) / 1'000'000);
  if (state_ != State::kBooting) return;
  proto::Configure configure;
  configure.hostname = parts_.launch.hostname;
  configure.realtime_ns = static_cast<uint64_t>(RealtimeNs());
  configure.entropy.resize(kEntropySize);
  Result<void> random = sys::FillRandom(configure.entropy.data(), kEntropySize);
  if (!random.ok()) return Halt(ExitReason::kEngine, random.error().message());
  configure.root_device = "vda";
  configure.scratch_device = parts_.launch.has_scratch ? "vdb" : "";
  configure.working_dir = parts_.launch.working_dir;
  configure.max_processes = parts_.launch.max_processes;
  state_ = State::kConfiguring;
  deadline_.Start(kConfigureMs);
  configure_ = relay_.OpenOwn(proto::Encode(configure));
}

void Box::OnAgentBye(const proto::Bye& bye) {
  bye_ = bye.why.substr(0, 256);
  if (bye_.empty()) bye_ = "the guest restarted the machine";
}

void Box::OnOwnClosed(uint32_t stream, Result<void> how) {
  if (stream == configure_ && state_ == State::kConfiguring) {
    if (how.ok()) return OnRunning();
    return Halt(ExitReason::kBoot, "the guest could not be configured: " + how.error().message());
  }
  if (stream == shutdown_ && state_ == State::kStopping && !how.ok())
    Halt(exit_.reason, exit_.detail);
}

void Box::OnRunning() {
  state_ = State::kRunning;
  deadline_.Cancel();
  relay_.SetReady();
  auto listener =
      loop::Listener::Create(loop_, std::move(parts_.listener),
                             [this](UniqueFd socket) { OnConnection(std::move(socket)); });
  if (!listener.ok()) return Halt(ExitReason::kEngine, listener.error().message());
  listener_ = listener.TakeValue();
  relay_.Answer(launch_.first, launch_.second, Kind::kAccept, proto::Encode(launched_));
}

void Box::OnMainExited(int32_t exit_code) {
  exit_.has_exit_code = 1;
  exit_.exit_code = exit_code;
  Stop(ExitReason::kMainExited, "its main execution ended", kCancelGraceMs);
}

}  // namespace boxlite::vm
