#include "box/file_task.h"

#include <utility>

namespace boxlite::box {

void WriteTask::OnRunning(LiveBox& box) {
  auto upload = client::Upload::Open(box.connection(), proto::Encode(std::move(request_)),
                                     [this](Result<void> how) { Finish(std::move(how)); });
  if (!upload.ok()) return Finish(upload.TakeError());
  upload_ = upload.TakeValue();
  upload_->Write(std::move(data_), nullptr);
  upload_->End();
}

std::shared_ptr<ReadTask> ReadTask::Create(LoopGate& gate, CallbackQueue& queue, Bytes request,
                                           OutputChannel::Deliver sink,
                                           CompletionPtr<void> completion) {
  std::shared_ptr<ReadTask> task(new ReadTask(std::move(request), std::move(completion)));
  std::weak_ptr<BoxTask> weak = task;
  auto consumed = [weak, raw = task.get(), &gate](size_t bytes) {
    gate.Tell([weak, raw, bytes](Supervisor&) {
      auto alive = weak.lock();
      if (alive && raw->download_) raw->download_->Consume(bytes);
    });
  };
  task->channel_ = std::make_shared<OutputChannel>(queue, Credit::kAutomatic, std::move(sink),
                                                   std::move(consumed));
  return task;
}

void ReadTask::OnRunning(LiveBox& box) {
  auto download = client::Download::Open(
      box.connection(), request_, [this](ByteSpan data) { channel_->Append(data); },
      [this](Result<void> how) { Finish(std::move(how)); });
  if (!download.ok()) return Finish(download.TakeError());
  download_ = download.TakeValue();
}

void WordTask::OnRunning(LiveBox& box) {
  auto call = client::Request::Open(
      box.connection(), request_, nullptr,
      [this](Result<ByteSpan> how) { Finish(client::DecodeClosed(std::move(how))); });
  if (!call.ok()) return Finish(call.TakeError());
  call_ = call.TakeValue();
}

}  // namespace boxlite::box
