#include "box/execution.h"

#include <csignal>
#include <utility>

#include "box/supervisor.h"

namespace boxlite::box {
namespace {

constexpr size_t kInputLimit = 4 * 1024 * 1024;

Error CommandEnded() {
  return Error(Code::kStopped, "the command has ended");
}

}  // namespace

std::shared_ptr<Execution> Execution::Create(Parts parts, std::string id, ExecOptions options,
                                             ExecSinks sinks, Callbacks<Exit> callbacks) {
  std::shared_ptr<Execution> execution(
      new Execution(parts, std::move(id), std::move(options), std::move(callbacks)));
  execution->MakeChannels(std::move(sinks));
  return execution;
}

Execution::Execution(Parts parts, std::string id, ExecOptions options, Callbacks<Exit> callbacks)
    : parts_(parts),
      id_(std::move(id)),
      options_(std::move(options)),
      completion_({parts.queue, parts.outstanding}, std::move(callbacks)),
      exec_(new client::Exec(static_cast<client::ExecHandler&>(*this))) {}

Execution::~Execution() = default;

void Execution::MakeChannels(ExecSinks sinks) {
  started_ = std::move(sinks.started);
  output_ = MakeChannel(proto::Channel::kOutput, std::move(sinks.output));
  error_ = MakeChannel(proto::Channel::kError, std::move(sinks.error));
}

std::shared_ptr<OutputChannel> Execution::MakeChannel(proto::Channel channel,
                                                      OutputChannel::Deliver sink) {
  bool manual = (options_.flags & kExecManualCredit) != 0;
  return std::make_shared<OutputChannel>(
      parts_.queue, manual ? Credit::kManual : Credit::kAutomatic, std::move(sink),
      [weak = weak_from_this(), &gate = parts_.gate, channel](size_t bytes) {
        gate.Tell([weak, channel, bytes](Supervisor&) {
          auto self = weak.lock();
          if (!self || !self->exec_) return;
          self->unread_ -= bytes;
          self->exec_->Consume(channel, bytes);
        });
      });
}

template <typename Function>
Result<void> Execution::OnLoop(Function function) {
  return parts_.gate.Post([self = shared_from_this(), function](Supervisor&) {
    if (self->exec_) function(*self);
  });
}

// ---------------------------------------------------------------- any thread

Result<void> Execution::WriteStdin(Bytes data, Callbacks<void> callbacks) {
  if ((options_.flags & kExecStdin) == 0)
    return Error(Code::kInvalidState, "the execution was started without BOXLITE_EXEC_STDIN");
  size_t size = data.size();
  auto completion = std::make_shared<Completion<void>>(
      CompletionTarget{parts_.queue, parts_.outstanding}, std::move(callbacks));
  std::lock_guard lock(mutex_);
  if (ended_) return CommandEnded();
  if (input_closed_) return Error(Code::kInvalidState, "stdin was closed before");
  if (input_waiting_ > kInputLimit)
    return Error(Code::kBusy, "more than 4 MiB wait for the command to read them",
                 "Go on when an earlier write has completed.");
  auto taken = [self = shared_from_this(), completion, size](Result<void> how) {
    {
      std::lock_guard inner(self->mutex_);
      self->input_waiting_ -= size;
    }
    completion->Finish(std::move(how));
  };
  auto bytes = std::make_shared<Bytes>(std::move(data));
  auto post = [self = shared_from_this(), bytes, taken](Supervisor&) {
    if (!self->exec_) return taken(CommandEnded());
    self->exec_->Write(std::move(*bytes), taken);
  };
  BOXLITE_TRY(parts_.gate.Post(std::move(post), [&] { completion->Arm(); }));
  input_waiting_ += size;
  return {};
}

Result<void> Execution::CloseStdin() {
  if ((options_.flags & kExecStdin) == 0)
    return Error(Code::kInvalidState, "the execution was started without BOXLITE_EXEC_STDIN");
  std::lock_guard lock(mutex_);
  if (ended_ || std::exchange(input_closed_, true)) return parts_.gate.CheckRunning();
  return OnLoop([](Execution& self) { self.exec_->EndInput(); });
}

Result<void> Execution::Signal(int number) {
  BOXLITE_TRY(CheckSignal(number));
  return OnLoop(
      [number](Execution& self) { self.exec_->Signal(number, proto::SignalScope::kProcess); });
}

Result<void> Execution::Kill(int number) {
  BOXLITE_TRY(CheckSignal(number));
  return OnLoop([number](Execution& self) { self.KillOnLoop(number); });
}

Result<void> Execution::Resize(uint16_t rows, uint16_t columns) {
  if ((options_.flags & kExecTty) == 0)
    return Error(Code::kInvalidState, "the execution was started without BOXLITE_EXEC_TTY");
  if (rows == 0 || columns == 0)
    return Error(Code::kInvalidArgument, "rows and columns are at least 1");
  return OnLoop([rows, columns](Execution& self) { self.exec_->Resize(rows, columns); });
}

Result<void> Execution::Consume(proto::Channel channel, size_t bytes) {
  if (channel == proto::Channel::kOutput) return output_->Consume(bytes);
  if (channel == proto::Channel::kError) return error_->Consume(bytes);
  return Error(Code::kInvalidArgument, "stream is neither stdout nor stderr");
}

// ---------------------------------------------------------------- the loop's thread

void Execution::OnRunning(LiveBox& box) {
  auto request = MakeExecRequest(options_, box.record(), box.image());
  if (!request.ok()) return Finish(request.TakeError());
  Result<void> opened = exec_->Open(box.connection(), request.TakeValue());
  if (!opened.ok()) return Finish(opened.TakeError());
  WatchLimit();
}

void Execution::OnNotRunning(const Error& why) {
  OnExited(why);
}

void Execution::Abandon() {
  Finish(Error(Code::kCancelled, "the runtime has ended"));
}

void Execution::OnStarted(uint32_t pid) {
  WatchLimit();
  if (started_) parts_.queue.Put([self = shared_from_this(), pid] { self->started_(pid); });
}

void Execution::OnOutput(proto::Channel channel, ByteSpan data) {
  unread_ += data.size();
  if (overdue_) overdue_->OnOutput(data.size());
  (channel == proto::Channel::kOutput ? output_ : error_)->Append(data);
}

void Execution::OnExited(Result<Exit> how) {
  if (how.ok() || !box_stopped_for_us_) return Finish(std::move(how));
  Exit ended;
  ended.exit_code = -SIGKILL;
  ended.timed_out = 1;
  ended.duration_ms = options_.timeout_ms;
  Finish(ended);
}

// From now on: a guest that is slow to start the command has its limit begin later.
void Execution::WatchLimit() {
  if (options_.timeout_ms == 0) return;
  overdue_ = std::make_unique<Overdue>(
      box_->loop(), Overdue::Times{.limit_ms = options_.timeout_ms}, [this] { return unread_ > 0; },
      [this] { OnOverdue(); });
}

// What does not end by itself ends with its box.
void Execution::OnOverdue() {
  box_stopped_for_us_ = true;
  box_->Stop(0, [](const Result<void>&) {});
}

void Execution::KillOnLoop(int number) {
  if (exec_->opened()) return exec_->Signal(number, proto::SignalScope::kTree);
  Finish(Error(Code::kCancelled, "the command was killed before it started"));
}

void Execution::Finish(Result<Exit> how) {
  if (!exec_) return;
  auto self = shared_from_this();  // The box lets go of us below.
  {
    std::lock_guard lock(mutex_);
    ended_ = true;
  }
  // The caller may be inside exec_: it goes at the end of this function, and touches nothing after.
  std::unique_ptr<client::Exec> exec = std::move(exec_);
  overdue_.reset();
  exec->AbandonInput(CommandEnded());
  completion_.Finish(std::move(how));
  if (box_ != nullptr) box_->Done(*this);
}

}  // namespace boxlite::box
