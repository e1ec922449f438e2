// Upload and Download: an operation of the agent that takes bytes, or gives them (docs/protocol.md:
// WRITE_FILE, PUT_TREE; READ_FILE, GET_TREE, the lists). Destroying one gives the transfer up; a
// file that was being written does not appear.
//
// Thread rule: the loop's thread. `done` comes once, may destroy the object, and never comes inside
// Open.
#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "client/input_queue.h"
#include "helper/connection.h"
#include "proto/messages.h"

namespace boxlite::client {

using TransferDone = std::function<void(Result<void>)>;

class Upload : private helper::CallHandler {
 public:
  static Result<std::unique_ptr<Upload>> Open(helper::Connection& connection, ByteSpan request,
                                              TransferDone done);
  // `taken` when they have been sent; it may do anything but destroy the Upload.
  void Write(Bytes data, InputQueue::Taken taken);
  void End();
  void Abandon(const Error& why) { input_.Abandon(why); }

 private:
  explicit Upload(TransferDone done) : done_(std::move(done)) {}
  void Pump();
  void OnAccept(ByteSpan) override { accepted_ = true; }
  void OnWritable() override { Pump(); }
  void OnClosed(Result<ByteSpan> how) override;

  TransferDone done_;
  InputQueue input_;
  bool accepted_ = false;
  std::unique_ptr<helper::Call> call_;
};

// How many bytes may be on their way or wait for their reader.
constexpr uint32_t kDownloadWindow = 1024 * 1024;

// The record of a request for a Download.
template <typename Request>
Bytes EncodeDownload(Request request) {
  request.window = kDownloadWindow;
  return proto::Encode(std::move(request));
}

class Download : private helper::CallHandler {
 public:
  using OnChunk = std::function<void(ByteSpan)>;

  // What `chunk` was given counts as read only after Consume.
  static Result<std::unique_ptr<Download>> Open(helper::Connection& connection, ByteSpan request,
                                                OnChunk chunk, TransferDone done);
  void Consume(size_t bytes) { call_->Consume(proto::Channel::kOutput, bytes); }

 private:
  Download(OnChunk chunk, TransferDone done) : chunk_(std::move(chunk)), done_(std::move(done)) {}
  void OnData(proto::Channel channel, ByteSpan data) override;
  void OnClosed(Result<ByteSpan> how) override;

  OnChunk chunk_;
  TransferDone done_;
  std::unique_ptr<helper::Call> call_;
};

// CLOSE of an operation that has nothing to say but how it ended.
Result<void> DecodeClosed(Result<ByteSpan> how);

}  // namespace boxlite::client
