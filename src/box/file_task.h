// FileTask: one file that is written to a box or read from it, for a call of the API.
//
// Thread rule: the loop's thread, but for construction.
#pragma once

#include <memory>
#include <string>

#include "base/bytes.h"
#include "box/completion.h"
#include "box/live_box.h"
#include "box/loop_gate.h"
#include "box/output_channel.h"
#include "client/files.h"

namespace boxlite::box {

class FileTask : public BoxTask, public std::enable_shared_from_this<FileTask> {
 public:
  explicit FileTask(CompletionPtr<void> completion) : completion_(std::move(completion)) {}
  void OnNotRunning(const Error& why) override { Finish(why); }
  void Abandon() override { Finish(Error(Code::kCancelled, "the runtime has ended")); }

 protected:
  void Finish(Result<void> how);
  virtual void DropTransfer() = 0;

 private:
  CompletionPtr<void> completion_;
};

class WriteTask : public FileTask {
 public:
  WriteTask(proto::WriteFile request, Bytes data, CompletionPtr<void> completion)
      : FileTask(std::move(completion)), request_(std::move(request)), data_(std::move(data)) {}
  void OnRunning(LiveBox& box) override;

 private:
  void DropTransfer() override { writer_.reset(); }

  proto::WriteFile request_;
  Bytes data_;
  std::unique_ptr<client::FileWriter> writer_;
};

class ReadTask : public FileTask {
 public:
  // Sets the channel's way back to us; `sink` is the user's callback.
  static std::shared_ptr<ReadTask> Create(LoopGate& gate, CallbackQueue& queue,
                                          proto::ReadFile request, OutputChannel::Deliver sink,
                                          CompletionPtr<void> completion);
  void OnRunning(LiveBox& box) override;

 private:
  ReadTask(proto::ReadFile request, CompletionPtr<void> completion)
      : FileTask(std::move(completion)), request_(std::move(request)) {}
  void DropTransfer() override { reader_.reset(); }

  proto::ReadFile request_;
  std::shared_ptr<OutputChannel> channel_;
  std::unique_ptr<client::FileReader> reader_;
};

}  // namespace boxlite::box
