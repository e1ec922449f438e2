#include "guest-agent/stream.h"

#include "guest-agent/session.h"

namespace boxlite::agent {

using proto::Channel;
using proto::Kind;

bool Stream::Current() const {
  return connection_ == session_.connection();
}

void Stream::Accept(const proto::Accepted& accepted) {
  if (Current()) session_.Send(Kind::kAccept, number_, proto::Encode(accepted));
}

void Stream::End(Channel channel) {
  if (Current()) session_.Send(Kind::kEnd, number_, {}, channel);
}

void Stream::Credit(uint32_t bytes) {
  if (bytes == 0 || !Current()) return;
  uint8_t payload[4];
  StoreLe(payload, bytes);
  session_.Send(Kind::kCredit, number_, payload, Channel::kInput);
}

void Stream::Refuse(const Error& error) {
  if (Current()) session_.Send(Kind::kRefuse, number_, proto::Encode(proto::ToRecord(error)));
  session_.Over(connection_, number_);
}

void Stream::CloseWith(ByteSpan payload) {
  if (Current()) session_.Send(Kind::kClose, number_, payload);
  session_.Over(connection_, number_);
}

bool Stream::HasRoom() const {
  return Current() && session_.HasRoom();
}

uint8_t* Stream::BeginData(size_t size) {
  return session_.BeginData(size);
}

void Stream::CommitData(Channel channel, size_t size) {
  session_.CommitData(number_, channel, size);
}

void Stream::Broken(const Error& error) {
  if (Current()) session_.Broken(error);
}

}  // namespace boxlite::agent
