#include "vm/connection.h"

namespace boxlite::vm {

Connection::Connection(loop::Loop& loop, Events events)
    : events_(std::move(events)), turn_(loop, [this] { OnTurn(); }) {}

void Connection::OnTurn() {
  if (abandoned_) {
    abandoned_ = closed_ = false;
    return End(Error(Code::kResourceExhausted, "the other side of a connection does not read"));
  }
  Result<void> handled = HandleFrames();
  if (!handled.ok()) End(handled.TakeError());
}

Result<std::unique_ptr<Connection>> Connection::Create(loop::Loop& loop, const Opener& open,
                                                       Events events) {
  std::unique_ptr<Connection> connection(new Connection(loop, std::move(events)));
  connection->stream_ = BOXLITE_TRY(open(*connection));
  return connection;
}

Result<std::unique_ptr<Connection>> Connection::Create(loop::Loop& loop, UniqueFd socket,
                                                       size_t pending_limit, Events events,
                                                       ByteSpan read_so_far) {
  auto open = [&](loop::StreamHandler& handler) -> Result<std::unique_ptr<loop::ByteStream>> {
    return std::unique_ptr<loop::ByteStream>(
        BOXLITE_TRY(loop::Stream::Create(loop, std::move(socket), handler, pending_limit)));
  };
  auto connection = BOXLITE_TRY(Create(loop, open, std::move(events)));
  connection->parser_.Append(read_so_far);
  if (!read_so_far.empty()) connection->turn_.Start(0);
  return connection;
}

void Connection::OnRead(size_t size) {
  parser_.Commit(size);
  Result<void> handled = HandleFrames();
  if (!handled.ok()) End(handled.TakeError());
}

Result<void> Connection::HandleFrames() {
  while (!closed_) {
    auto frame = BOXLITE_TRY(parser_.Next());
    if (!frame) break;
    BOXLITE_TRY(events_.frame(*frame));
  }
  return {};
}

void Connection::End(Result<void> why) {
  if (closed_) return;
  Close();
  events_.ended(std::move(why));
}

void Connection::Abandon() {
  if (closed_) return;
  Close();
  abandoned_ = true;
  turn_.Start(0);
}

void Connection::Close() {
  closed_ = true;
  stream_->PauseReading();
}

}  // namespace boxlite::vm
