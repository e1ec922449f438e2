// Tasks that concern a box's files, for a call of the API: bytes in, bytes out, a list, or a word.
//
// Thread rule: the loop's thread, but for construction.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "box/completion.h"
#include "box/live_box.h"
#include "box/loop_gate.h"
#include "box/output_channel.h"
#include "client/files.h"
#include "client/request.h"
#include "proto/list.h"

namespace boxlite::box {

// A task with a completion, which finishes once.
template <typename T>
class CompletingTask : public BoxTask, public std::enable_shared_from_this<CompletingTask<T>> {
 public:
  explicit CompletingTask(CompletionPtr<T> completion) : completion_(std::move(completion)) {}
  void OnNotRunning(const Error& why) override { Finish(why); }
  void Abandon() override { Finish(Error(Code::kCancelled, "the runtime has ended")); }

 protected:
  void Finish(Result<T> how) {
    auto self = this->shared_from_this();  // The box lets go of us below.
    DropTransfer();
    completion_->Finish(std::move(how));
    if (box_ != nullptr) box_->Done(*this);
  }
  virtual void DropTransfer() = 0;

 private:
  CompletionPtr<T> completion_;
};

using FileTask = CompletingTask<void>;

class WriteTask : public FileTask {
 public:
  WriteTask(proto::WriteFile request, Bytes data, CompletionPtr<void> completion)
      : FileTask(std::move(completion)), request_(std::move(request)), data_(std::move(data)) {}
  void OnRunning(LiveBox& box) override;

 private:
  void DropTransfer() override { upload_.reset(); }

  proto::WriteFile request_;
  Bytes data_;
  std::unique_ptr<client::Upload> upload_;
};

class ReadTask : public FileTask {
 public:
  // Sets the channel's way back to us; `sink` is the user's callback. `request` is of
  // client::EncodeDownload.
  static std::shared_ptr<ReadTask> Create(LoopGate& gate, CallbackQueue& queue, Bytes request,
                                          OutputChannel::Deliver sink,
                                          CompletionPtr<void> completion);
  void OnRunning(LiveBox& box) override;

 private:
  ReadTask(Bytes request, CompletionPtr<void> completion)
      : FileTask(std::move(completion)), request_(std::move(request)) {}
  void DropTransfer() override { download_.reset(); }

  Bytes request_;
  std::shared_ptr<OutputChannel> channel_;
  std::unique_ptr<client::Download> download_;
};

// A request that is answered by success or an error.
class WordTask : public FileTask {
 public:
  WordTask(Bytes request, CompletionPtr<void> completion)
      : FileTask(std::move(completion)), request_(std::move(request)) {}
  void OnRunning(LiveBox& box) override;

 private:
  void DropTransfer() override { call_.reset(); }

  Bytes request_;
  std::unique_ptr<client::Request> call_;
};

template <typename Message>
class ListTask : public CompletingTask<std::vector<Message>> {
 public:
  using List = std::vector<Message>;

  ListTask(Bytes request, CompletionPtr<List> completion)
      : CompletingTask<List>(std::move(completion)), request_(std::move(request)) {}
  void OnRunning(LiveBox& box) override {
    auto download = client::Download::Open(
        box.connection(), request_, [this](ByteSpan data) { OnData(data); },
        [this](Result<void> how) { OnDone(std::move(how)); });
    if (!download.ok()) return this->Finish(download.TakeError());
    download_ = download.TakeValue();
  }

 private:
  void DropTransfer() override { download_.reset(); }
  void OnData(ByteSpan data) {
    if (bytes_.size() + data.size() > proto::kMaxListBytes)
      return this->Finish(proto::ListTooLong());
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    download_->Consume(data.size());
  }
  void OnDone(Result<void> how) {
    if (!how.ok()) return this->Finish(how.TakeError());
    this->Finish(proto::DecodeList<Message>(bytes_));
  }

  Bytes request_;
  Bytes bytes_;
  std::unique_ptr<client::Download> download_;
};

}  // namespace boxlite::box
