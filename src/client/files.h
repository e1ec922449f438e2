// FileWriter and FileReader: one file of a box, written whole or read in chunks (docs/protocol.md,
// WRITE_FILE and READ_FILE). Destroying one gives the transfer up; what was being written does not
// appear.
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

class FileWriter : private helper::CallHandler {
 public:
  static Result<std::unique_ptr<FileWriter>> Open(helper::Connection& connection,
                                                  proto::WriteFile request, Bytes data,
                                                  TransferDone done);

 private:
  explicit FileWriter(TransferDone done) : done_(std::move(done)) {}
  void OnWritable() override { input_.Pump(*call_); }
  void OnClosed(Result<ByteSpan> how) override;

  TransferDone done_;
  InputQueue input_;
  std::unique_ptr<helper::Call> call_;
};

class FileReader : private helper::CallHandler {
 public:
  using OnChunk = std::function<void(ByteSpan)>;

  // What `chunk` was given counts as read only after Consume.
  static Result<std::unique_ptr<FileReader>> Open(helper::Connection& connection,
                                                  proto::ReadFile request, OnChunk chunk,
                                                  TransferDone done);
  void Consume(size_t bytes) { call_->Consume(proto::Channel::kOutput, bytes); }

 private:
  FileReader(OnChunk chunk, TransferDone done) : chunk_(std::move(chunk)), done_(std::move(done)) {}
  void OnData(proto::Channel channel, ByteSpan data) override;
  void OnClosed(Result<ByteSpan> how) override;

  OnChunk chunk_;
  TransferDone done_;
  std::unique_ptr<helper::Call> call_;
};

}  // namespace boxlite::client
