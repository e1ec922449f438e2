#include "machine/agent_port.h"

#include <algorithm>

namespace boxlite::machine {

AgentStream::AgentStream(loop::Loop& loop, AgentPort& port, loop::StreamHandler& handler,
                         size_t pending_limit)
    : port_(port),
      handler_(handler),
      pending_limit_(pending_limit),
      turn_(loop, [this] { ReadSome(); }) {
  port_.Listen(this);
}

AgentStream::~AgentStream() {
  port_.Listen(nullptr);
}

void AgentStream::ReadSome() {
  std::weak_ptr<char> alive = alive_;
  for (int reads = 0; reads < kReadsEachTurn; ++reads) {
    if (!reading_) return;
    std::span<uint8_t> space = handler_.ReadSpace();
    size_t size = port_.Read(space);
    if (size == 0) return;
    handler_.OnRead(size);
    if (alive.expired()) return;
    if (size < space.size()) return;  // The next kick tells.
  }
  turn_.Start(0);
}

void AgentStream::ResumeReading() {
  if (reading_) return;
  reading_ = true;
  turn_.Start(0);
}

// A small frame goes as one piece: each piece takes a buffer of the guest's and an interrupt.
size_t AgentStream::Write(ByteSpan head, ByteSpan body) {
  if (head.size() + body.size() <= whole_.size()) {
    auto end = std::copy(head.begin(), head.end(), whole_.begin());
    std::copy(body.begin(), body.end(), end);
    return port_.Write(ByteSpan(whole_).first(head.size() + body.size()));
  }
  size_t sent = port_.Write(head);
  if (sent == head.size() && !body.empty()) sent += port_.Write(body);
  return sent;
}

Result<void> AgentStream::Send(ByteSpan head, ByteSpan body) {
  size_t size = head.size() + body.size();
  if (size > pending_limit_ || pending_.size() > pending_limit_ - size)
    return Error(Code::kResourceExhausted, "the guest agent does not read what it is sent");
  size_t sent = pending_.size() == 0 ? Write(head, body) : 0;
  size_t of_head = std::min(sent, head.size());
  pending_.Append(head.subspan(of_head));
  pending_.Append(body.subspan(sent - of_head));
  return {};
}

void AgentStream::OnWritable() {
  if (pending_.size() == 0) return;
  pending_.Consume(port_.Write(pending_.waiting()));
  if (pending_.size() > 0) return;
  pending_.Release();
  handler_.OnDrained();
}

}  // namespace boxlite::machine
