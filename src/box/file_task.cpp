#include "box/file_task.h"

#include <utility>

namespace boxlite::box {

void FileTask::Finish(Result<void> how) {
  auto self = shared_from_this();  // The box lets go of us below.
  DropTransfer();
  completion_->Finish(std::move(how));
  if (box_ != nullptr) box_->Done(*this);
}

void WriteTask::OnRunning(LiveBox& box) {
  auto writer = client::FileWriter::Open(box.connection(), std::move(request_), std::move(data_),
                                         [this](Result<void> how) { Finish(std::move(how)); });
  if (!writer.ok()) return Finish(writer.TakeError());
  writer_ = writer.TakeValue();
}

std::shared_ptr<ReadTask> ReadTask::Create(LoopGate& gate, CallbackQueue& queue,
                                           proto::ReadFile request, OutputChannel::Deliver sink,
                                           CompletionPtr<void> completion) {
  std::shared_ptr<ReadTask> task(new ReadTask(std::move(request), std::move(completion)));
  std::weak_ptr<BoxTask> weak = task;
  auto consumed = [weak, raw = task.get(), &gate](size_t bytes) {
    gate.Tell([weak, raw, bytes](Supervisor&) {
      auto alive = weak.lock();
      if (alive && raw->reader_) raw->reader_->Consume(bytes);
    });
  };
  task->channel_ = std::make_shared<OutputChannel>(queue, Credit::kAutomatic, std::move(sink),
                                                   std::move(consumed));
  return task;
}

void ReadTask::OnRunning(LiveBox& box) {
  auto reader = client::FileReader::Open(
      box.connection(), std::move(request_), [this](ByteSpan data) { channel_->Append(data); },
      [this](Result<void> how) { Finish(std::move(how)); });
  if (!reader.ok()) return Finish(reader.TakeError());
  reader_ = reader.TakeValue();
}

}  // namespace boxlite::box
