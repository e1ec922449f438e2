#include "guest-agent/agent.h"

#include <sys/reboot.h>

#include "guest-agent/configure.h"
#include "guest-agent/file_operations.h"
#include "guest-agent/file_reader.h"
#include "guest-agent/file_writer.h"
#include "guest-agent/process_list.h"
#include "guest-agent/tree_operations.h"
#include "proto/messages.h"

namespace boxlite::agent {

using proto::Op;

Agent::Agent(Loop& loop, const Log& log)
    : loop_(loop),
      log_(log),
      reaper_(loop),
      cgroups_(loop),
      drains_(loop),
      executions_{loop, reaper_, cgroups_, drains_},
      session_(loop, log,
               [this](Stream stream, ByteSpan payload) { return Open(stream, payload); }),
      finder_(loop, [this](const std::string& device) {
        auto attached = session_.Attach(device);
        if (!attached.ok()) log_.Errors(attached.error().message());
      }) {
  reaper_.OnRound([this](bool any_left) {
    if (shutdown_ != nullptr) shutdown_->OnRound(any_left);
  });
}

Result<void> Agent::Start() {
  BOXLITE_TRY(reaper_.Start());
  return finder_.Start();
}

void Agent::RunOnce() {
  loop_.RunOnce();
  session_.CollectGarbage();
  cgroups_.CollectGarbage();
  drains_.CollectGarbage();
}

Result<void> Agent::CheckState(Op op) const {
  switch (state_) {
    case State::kBooted:
      if (op == Op::kConfigure || op == Op::kShutdown) return {};
      return Error(Code::kInvalidState, "the box is not configured yet");
    case State::kConfigured:
      if (op != Op::kConfigure) return {};
      return Error(Code::kInvalidState, "the box is configured already");
    case State::kUnusable:
      if (op == Op::kShutdown) return {};
      return Error(Code::kInvalidState, "the box could not be configured; start a new one");
    case State::kShuttingDown:
      break;
  }
  return Error(Code::kStopped, "the box is shutting down");
}

Result<std::unique_ptr<Operation>> Agent::Open(Stream stream, ByteSpan payload) {
  auto header = BOXLITE_TRY(proto::Decode<proto::OpenHeader>(payload));
  // They are numbered without gaps.
  if (header.op < Op::kConfigure || header.op > Op::kListProcesses) {
    return Error(Code::kUnsupported, "the guest agent knows no operation " +
                                         std::to_string(static_cast<uint16_t>(header.op)));
  }
  BOXLITE_TRY(CheckState(header.op));
  return Start(header.op, stream, payload);
}

Result<std::unique_ptr<Operation>> Agent::Start(Op op, Stream stream, ByteSpan payload) {
  switch (op) {
    case Op::kConfigure:
      return Configure(stream, payload);
    case Op::kExec:
      return Execution::Create(executions_, stream, payload);
    case Op::kWriteFile:
      return FileWriter::Create(loop_, stream, payload);
    case Op::kReadFile:
      return FileReader::Create(loop_, stream, payload);
    case Op::kPutTree:
      return PutTree(loop_, reaper_, stream, payload);
    case Op::kGetTree:
      return GetTree(loop_, reaper_, stream, payload);
    case Op::kListFiles:
    case Op::kStatFile:
    case Op::kMakeDirectory:
    case Op::kRenameFile:
    case Op::kRemoveFile:
      return StartFileOperation(loop_, reaper_, stream, op, payload);
    case Op::kListProcesses:
      return ListProcesses(loop_, reaper_, stream, payload);
    case Op::kShutdown:
      return StartShutdown(stream, payload);
    default:
      return Error(Code::kUnsupported, "not an operation of the guest agent");
  }
}

Result<std::unique_ptr<Operation>> Agent::Configure(Stream stream, ByteSpan payload) {
  auto request = BOXLITE_TRY(proto::Decode<proto::Configure>(payload));
  auto tree = ConfigureBox(request);
  state_ = tree.ok() ? State::kConfigured : State::kUnusable;
  proto::Closed closed;
  if (tree.ok()) {
    tree_ = tree.TakeValue();
  } else {
    closed.status = proto::ToRecord(tree.error());
  }
  stream.Close(closed);
  return std::unique_ptr<Operation>();
}

Result<std::unique_ptr<Operation>> Agent::StartShutdown(Stream stream, ByteSpan payload) {
  auto request = BOXLITE_TRY(proto::Decode<proto::Shutdown>(payload));
  state_ = State::kShuttingDown;
  auto shutdown =
      std::make_unique<Shutdown>(loop_, stream, request.grace_ms, [this] { EndShutdown(); });
  shutdown_ = shutdown.get();
  reaper_.Collect();  // Where no process is left, nobody will tell.
  return std::unique_ptr<Operation>(std::move(shutdown));
}

void Agent::EndShutdown() {
  SettleDisks(tree_);
  shutdown_->stream().Close(proto::Closed());
  proto::Bye bye;
  bye.why = "shutdown";
  session_.SendLast(proto::Kind::kBye, proto::Encode(bye));
  ::reboot(RB_AUTOBOOT);
}

}  // namespace boxlite::agent
