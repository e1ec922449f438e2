#include "client/exec.h"

#include <utility>

namespace boxlite::client {
namespace {

Result<proto::ExecClosed> DecodeExit(Result<ByteSpan> how) {
  ByteSpan record = BOXLITE_TRY(std::move(how));
  auto closed = BOXLITE_TRY(proto::Decode<proto::ExecClosed>(record));
  BOXLITE_TRY(proto::FromRecord(closed.status));
  return closed;
}

}  // namespace

Result<void> Exec::Open(helper::Connection& connection, proto::Exec request) {
  request.window = kOutputWindow;
  call_ = BOXLITE_TRY(connection.Open(proto::Encode(std::move(request)), kOutputWindow, *this));
  for (const Bytes& record : std::exchange(early_events_, {})) call_->SendEvent(record);
  return {};
}

void Exec::Write(Bytes data, InputQueue::Taken taken) {
  input_.Push(std::move(data), std::move(taken));
  if (accepted_) input_.Pump(*call_);
}

void Exec::EndInput() {
  input_.End();
  if (accepted_) input_.Pump(*call_);
}

void Exec::Signal(int32_t number, proto::SignalScope scope) {
  proto::SignalEvent event;
  event.number = number;
  event.scope = scope;
  SendEvent(proto::Encode(event));
}

void Exec::Resize(uint16_t rows, uint16_t columns) {
  proto::ResizeEvent event;
  event.rows = rows;
  event.columns = columns;
  SendEvent(proto::Encode(event));
}

void Exec::SendEvent(Bytes record) {
  if (call_ == nullptr) return early_events_.push_back(std::move(record));
  call_->SendEvent(record);
}

void Exec::Consume(proto::Channel channel, size_t bytes) {
  if (call_ != nullptr) call_->Consume(channel, bytes);
}

void Exec::OnAccept(ByteSpan record) {
  accepted_ = true;
  auto accepted = proto::Decode<proto::Accepted>(record);  // The connection has decoded it before.
  handler_.OnStarted(accepted.ok() ? accepted.value().pid : 0);
}

void Exec::OnData(proto::Channel channel, ByteSpan data) {
  handler_.OnOutput(channel, data);
}

void Exec::OnWritable() {
  if (accepted_) input_.Pump(*call_);
}

void Exec::OnClosed(Result<ByteSpan> how) {
  input_.Abandon(Error(Code::kStopped, "the command has ended"));
  handler_.OnExited(DecodeExit(std::move(how)));
}

}  // namespace boxlite::client
