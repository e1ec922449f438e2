// A frame connection on the loop: a stream of bytes and a parser. Frames are handed over one by
// one, their payload still in the read buffer, and sent from wherever they are. Thread rule: the
// loop's thread.
//
// The owner destroys a Connection only outside its callbacks; `Close` silences it until then.
#pragma once

#include <functional>
#include <memory>

#include "loop/stream.h"
#include "proto/frame.h"

namespace boxlite::vm {

class Connection : private loop::StreamHandler {
 public:
  struct Events {
    // An error ends the connection: `ended` follows with it.
    std::function<Result<void>(const proto::Frame&)> frame;
    // Once: the other side closed (success) or broke the protocol.
    std::function<void(Result<void>)> ended;
    // What was waiting to be sent is sent. May be empty.
    std::function<void()> drained;
  };

  // Opens the stream that the connection reads from then on.
  using Opener =
      std::function<Result<std::unique_ptr<loop::ByteStream>>(loop::StreamHandler& handler)>;
  static Result<std::unique_ptr<Connection>> Create(loop::Loop& loop, const Opener& open,
                                                    Events events);
  // On a socket. `read_so_far` holds what was read from it before; it is handled on the loop.
  static Result<std::unique_ptr<Connection>> Create(loop::Loop& loop, UniqueFd socket,
                                                    size_t pending_limit, Events events,
                                                    ByteSpan read_so_far = {});

  Result<void> Send(ByteSpan head, ByteSpan body) { return stream_->Send(head, body); }
  size_t pending() const { return stream_ ? stream_->pending() : 0; }
  void Close();
  // Ends the connection from inside somebody's call: `ended` follows on the next turn of the loop.
  void Abandon();
  bool closed() const { return closed_; }
  // Nothing will be called any more.
  bool over() const { return closed_ && !abandoned_; }

 private:
  static constexpr size_t kReadSize = 256 * 1024;

  Connection(loop::Loop& loop, Events events);
  std::span<uint8_t> ReadSpace() override { return {parser_.Space(kReadSize), kReadSize}; }
  void OnRead(size_t size) override;
  void OnEnd(Result<void>) override { End({}); }  // A reset is an end like another.
  void OnDrained() override {
    if (!closed_ && events_.drained) events_.drained();
  }
  Result<void> HandleFrames();
  void OnTurn();
  void End(Result<void> why);

  Events events_;
  std::unique_ptr<loop::ByteStream> stream_;
  proto::FrameParser parser_;
  loop::Timer turn_;  // for what must not happen inside a call: a beginning, a forced end
  bool closed_ = false;
  bool abandoned_ = false;  // `ended` is on its way
};

}  // namespace boxlite::vm
