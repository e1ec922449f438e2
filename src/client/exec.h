// Exec: one command in a box, seen from the host (docs/protocol.md, EXEC).
//
// Input, signals and window sizes may be given before Open; they wait. Output comes within the
// window and goes on when it was consumed.
//
// Thread rule: the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "client/input_queue.h"
#include "helper/connection.h"
#include "proto/messages.h"

namespace boxlite::client {

// How many bytes of each stream may be on their way or wait for their reader.
constexpr uint32_t kOutputWindow = 1024 * 1024;

class ExecHandler {
 public:
  virtual ~ExecHandler() = default;
  virtual void OnStarted(uint32_t pid) = 0;
  virtual void OnOutput(proto::Channel channel, ByteSpan data) = 0;
  // Once, last. May destroy the Exec.
  virtual void OnExited(Result<proto::ExecClosed> how) = 0;
};

class Exec : private helper::CallHandler {
 public:
  explicit Exec(ExecHandler& handler) : handler_(handler) {}

  Result<void> Open(helper::Connection& connection, proto::Exec request);
  bool opened() const { return call_ != nullptr; }

  void Write(Bytes data, InputQueue::Taken taken);
  void EndInput();
  void AbandonInput(const Error& why) { input_.Abandon(why); }
  void Signal(int32_t number, proto::SignalScope scope);
  void Resize(uint16_t rows, uint16_t columns);
  void Consume(proto::Channel channel, size_t bytes);

 private:
  void OnAccept(ByteSpan record) override;
  void OnData(proto::Channel channel, ByteSpan data) override;
  void OnWritable() override;
  void OnClosed(Result<ByteSpan> how) override;
  void SendEvent(Bytes record);

  ExecHandler& handler_;
  InputQueue input_;
  std::vector<Bytes> early_events_;
  bool accepted_ = false;
  std::unique_ptr<helper::Call> call_;
};

}  // namespace boxlite::client
