#include "loop/stream.h"

#include <algorithm>
#include <string>

#include "base/sys_socket.h"

namespace boxlite::loop {

Result<std::unique_ptr<Stream>> Stream::Create(Loop& loop, UniqueFd fd, StreamHandler& handler,
                                               size_t pending_limit) {
  std::unique_ptr<Stream> stream(new Stream(std::move(fd), handler, pending_limit));
  stream->poll_ = BOXLITE_TRY(FdPoll::Create(
      loop, stream->fd_.get(), [self = stream.get()](Interest ready) { self->OnReady(ready); }));
  stream->UpdateInterest();
  return stream;
}

Result<void> Stream::Send(ByteSpan head, ByteSpan body) {
  if (send_failed_) return {};
  size_t total = head.size() + body.size();
  size_t taken = 0;
  if (pending() == 0) {
    Result<size_t> sent = sys::SendSome(fd_.get(), head, body);
    if (!sent.ok()) {
      SendFailed();
      return {};
    }
    taken = sent.value();
    if (taken == total) return {};
  }
  // A frame that is partly out has to be completed, whatever the limit.
  if (taken == 0 && pending() + total > pending_limit_)
    return Error(Code::kResourceExhausted, "the other side of a connection does not read: " +
                                               std::to_string(pending()) + " bytes wait for it");
  size_t of_head = std::min(taken, head.size());
  pending_.Append(head.subspan(of_head));
  pending_.Append(body.subspan(taken - of_head));
  UpdateInterest();
  return {};
}

void Stream::PauseReading() {
  reading_ = false;
  UpdateInterest();
}

void Stream::ResumeReading() {
  reading_ = true;
  UpdateInterest();
}

void Stream::UpdateInterest() {
  poll_->Wait({.readable = reading_ && !ended_, .writable = pending() > 0});
}

// A handler may destroy us, so that one turn calls one of them: sending and reading take turns.
void Stream::OnReady(Interest ready) {
  bool can_read = ready.readable && reading_ && !ended_;
  bool can_send = ready.writable && pending() > 0;
  sent_last_ = can_send && !(can_read && sent_last_);
  if (sent_last_) return SendPending();
  if (can_read) ReadOnce();
}

void Stream::ReadOnce() {
  std::span<uint8_t> space = handler_.ReadSpace();
  auto count = sys::ReadSome(fd_.get(), space.data(), space.size());
  if (count.ok() && !count.value()) return;
  if (count.ok() && *count.value() > 0) return handler_.OnRead(*count.value());
  ended_ = true;
  UpdateInterest();
  if (count.ok()) return handler_.OnEnd({});
  handler_.OnEnd(count.TakeError());
}

void Stream::SendPending() {
  Result<size_t> sent = sys::SendSome(fd_.get(), pending_.waiting());
  if (!sent.ok()) {
    SendFailed();
  } else {
    pending_.Consume(sent.value());
  }
  if (pending() > 0) return;
  // A burst's memory goes back; what passes all the time is sent without being kept.
  pending_.Release();
  UpdateInterest();
  handler_.OnDrained();
}

void Stream::SendFailed() {
  send_failed_ = true;
  pending_.Release();
  UpdateInterest();
}

}  // namespace boxlite::loop
