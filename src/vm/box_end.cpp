// How a box ends: who decides, what is recorded, who is told.
#include <algorithm>

#include "base/clock.h"
#include "base/sys.h"
#include "vm/box.h"

namespace boxlite::vm {
namespace {

using proto::ExitReason;
using proto::Kind;

constexpr uint64_t kHaltMs = 10'000;         // for the machine to end, killing included
constexpr uint64_t kShutdownExtraMs = 3000;  // beyond the grace: unmounting, restarting
constexpr uint64_t kPanicMs = 5000;
constexpr uint64_t kHaltedMs = 100;  // for what it says after that
constexpr uint64_t kFlushMs = 2000;
constexpr size_t kKernelLogLimit = 4096;  // in BoxExit and in errors

bool IsFine(ExitReason reason) {
  return reason == ExitReason::kStopped || reason == ExitReason::kMainExited ||
         reason == ExitReason::kLifeline;
}

}  // namespace

void Box::OnConsole(std::string_view bytes) {
  bool panicked = !console_.panic().empty(), halted = !console_.halt().empty();
  console_.Append(bytes);
  if (!panicked && !console_.panic().empty()) panic_.Start(kPanicMs);
  if (!halted && !console_.halt().empty()) halt_.Start(kHaltedMs);
}

void Box::OnAgentEnded(const Result<void>& why) {
  if (state_ == State::kEnded) return;
  // Success is the monitor's end, which the machine reports with its reason.
  if (!why.ok()) Halt(ExitReason::kEngine, why.error().message());
}

void Box::OnDeadline() {
  switch (state_) {
    case State::kBooting:
      return Halt(ExitReason::kBoot, "the guest agent did not come up in time");
    case State::kConfiguring:
      return Halt(ExitReason::kBoot, "the guest agent did not answer in time");
    case State::kStopping:
      return Halt(exit_.reason, exit_.detail + "; the guest did not shut down in time");
    case State::kHalting:
      return OnMachineEnded({machine::EndKind::kFailed, "the machine cannot be ended"});
    default:
      return loop_.Stop();  // Somebody does not take what is left to send.
  }
}

void Box::Stop(ExitReason reason, std::string detail, uint32_t grace_ms) {
  if (state_ == State::kHalting || state_ == State::kEnded) return;
  if (grace_ms == 0 || state_ == State::kBooting || state_ == State::kConfiguring)
    return Halt(reason, std::move(detail));
  if (state_ != State::kStopping) {
    state_ = State::kStopping;
    asked_ = true;
    exit_.reason = reason;
    exit_.detail = std::move(detail);
    relay_.RefuseNew(Error(Code::kStopped, "the box is stopping"));
    proto::Shutdown shutdown;
    shutdown.grace_ms = grace_ms;
    shutdown_ = relay_.OpenOwn(proto::Encode(shutdown));
  }
  deadline_.Start(grace_ms + kShutdownExtraMs);
}

void Box::Halt(ExitReason reason, std::string detail) {
  if (state_ == State::kHalting || state_ == State::kEnded) return;
  if (!asked_) {
    asked_ = true;
    exit_.reason = reason;
    exit_.detail = std::move(detail);
  }
  state_ = State::kHalting;
  deadline_.Start(kHaltMs);
  relay_.RefuseNew(Error(Code::kStopped, "the box is stopping"));
  parts_.machine->Stop();
}

ExitReason Box::PanicReason() const {
  return console_.out_of_memory() ? ExitReason::kOutOfMemory : ExitReason::kPanic;
}

void Box::DecideReason(const machine::MachineEnd& end) {
  if (asked_) return;
  exit_.detail = end.detail;
  if (end.kind == machine::EndKind::kKilled) {
    exit_.reason = ExitReason::kKilled;
  } else if (end.kind == machine::EndKind::kFailed) {
    exit_.reason = ExitReason::kEngine;
  } else if (!console_.panic().empty()) {
    exit_.reason = PanicReason();
    exit_.detail = console_.panic();
  } else if (!bye_.empty()) {
    exit_.reason = ExitReason::kReset;
    exit_.detail = bye_;
  } else {
    exit_.reason = launched_.agent_build.empty() ? ExitReason::kBoot : ExitReason::kReset;
    exit_.detail = end.detail.empty() ? "the guest restarted without a word" : end.detail;
  }
}

void Box::OnMachineEnded(const machine::MachineEnd& end) {
  if (state_ == State::kEnded) return;
  bool launched = state_ != State::kBooting && state_ != State::kConfiguring && listener_;
  DecideReason(end);
  state_ = State::kEnded;
  panic_.Cancel();
  halt_.Cancel();
  listener_.reset();
  exit_.at_ms = static_cast<uint64_t>(RealtimeMs());
  if (!IsFine(exit_.reason)) exit_.kernel_log = console_.Tail(kKernelLogLimit);
  if (!IsFine(exit_.reason))
    exit_.status = proto::ToRecord(Error(launched ? Code::kStopped : Code::kEngine, exit_.detail));
  // A home directory on a full disk loses the record, not the answer to who is connected.
  static_cast<void>(sys::WriteAllAt(parts_.exit_file.get(), proto::Encode(exit_), 0));
  TellEnd(launched);
}

Error Box::LaunchError() const {
  Code code = IsFine(exit_.reason) ? Code::kCancelled : Code::kEngine;
  std::string message = "the box did not come up: " + exit_.detail;
  if (!exit_.kernel_log.empty()) message += "\nThe kernel's last lines:\n" + exit_.kernel_log;
  return Error(code, std::move(message));
}

// Executions first: who hears of the box's end has heard of theirs.
void Box::TellEnd(bool launched) {
  relay_.EndStreams(Error(Code::kStopped, "the box stopped: " + exit_.detail));
  if (launched) {
    relay_.Answer(launch_.first, launch_.second, Kind::kClose, proto::Encode(exit_));
  } else {
    auto record = proto::ToRecord(LaunchError());
    relay_.Answer(launch_.first, launch_.second, Kind::kRefuse, proto::Encode(record));
  }
  for (auto& [client, stream] : stops_)
    relay_.Answer(client, stream, Kind::kClose, proto::Encode(proto::Closed{}));
  stops_.clear();
  deadline_.Start(kFlushMs);
  FinishWhenFlushed();
}

void Box::FinishWhenFlushed() {
  if (state_ != State::kEnded) return;
  bool flushed = std::all_of(clients_.begin(), clients_.end(), [](const auto& client) {
    return client.second->closed() || client.second->pending() == 0;
  });
  if (flushed) loop_.Stop();
}

}  // namespace boxlite::vm
