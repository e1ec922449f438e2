// Bytes in both directions on a Loop. A ByteStream reads into memory that its handler provides (a
// frame parser's buffer) and sends without copying what the other side takes at once; a Stream is
// one on a connected socket, or on the reading end of a pipe. Thread rule: the loop's thread.
//
// Sending is bounded: what the socket does not take is kept, up to `pending_limit`. A sender that
// passes on what it reads elsewhere stops reading there while `pending()` is above its own mark and
// goes on at OnDrained. When the other side does not read any more, sends vanish; the end is
// reported by reading, after what was sent to us before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/byte_queue.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "loop/loop.h"

namespace boxlite::loop {

// Any of these may destroy the stream.
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // Room for the next read, at least one byte; it stays until OnRead or the next ReadSpace.
  virtual std::span<uint8_t> ReadSpace() = 0;
  virtual void OnRead(size_t size) = 0;
  // Once: the other side closed (success), or reading failed. Nothing is read after that; sending
  // goes on working where the other side only ended its own half.
  virtual void OnEnd(Result<void> why) = 0;
  // What Send had kept is sent.
  virtual void OnDrained() {}
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // All of `head` and `body`, or resource-exhausted and nothing where the limit of what may be
  // pending would be exceeded: the owner then gives the connection up.
  virtual Result<void> Send(ByteSpan head, ByteSpan body) = 0;
  virtual size_t pending() const = 0;

  virtual void PauseReading() = 0;
  virtual void ResumeReading() = 0;
};

class Stream : public ByteStream {
 public:
  // Reading starts at once. `handler` outlives the stream.
  static Result<std::unique_ptr<Stream>> Create(Loop& loop, UniqueFd fd, StreamHandler& handler,
                                                size_t pending_limit);

  Result<void> Send(ByteSpan head, ByteSpan body) override;
  Result<void> Send(ByteSpan all) { return Send(all, {}); }
  size_t pending() const override { return pending_.size(); }

  void PauseReading() override;
  void ResumeReading() override;

  int fd() const { return fd_.get(); }

 private:
  Stream(UniqueFd fd, StreamHandler& handler, size_t pending_limit)
      : fd_(std::move(fd)), handler_(handler), pending_limit_(pending_limit) {}
  void OnReady(Interest ready);
  void ReadOnce();
  void SendPending();
  void SendFailed();
  void UpdateInterest();

  UniqueFd fd_;
  StreamHandler& handler_;
  const size_t pending_limit_;
  std::unique_ptr<FdPoll> poll_;  // after fd_: it goes first
  ByteQueue pending_;
  bool reading_ = true;
  bool ended_ = false;        // OnEnd was called
  bool send_failed_ = false;  // nobody reads what we send
  bool sent_last_ = false;    // what the last turn did
};

}  // namespace boxlite::loop
