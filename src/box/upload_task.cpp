#include "box/upload_task.h"

#include <utility>

namespace boxlite::box {
namespace {

constexpr size_t kWaitingLimit = 4 * 1024 * 1024;

Error Over() {
  return Error(Code::kStopped, "the upload has ended");
}

}  // namespace

std::shared_ptr<UploadTask> UploadTask::Self() {
  return std::static_pointer_cast<UploadTask>(shared_from_this());
}

Result<void> UploadTask::Write(Bytes data, Callbacks<void> callbacks) {
  size_t size = data.size();
  auto completion = std::make_shared<Completion<void>>(
      CompletionTarget{parts_.queue, parts_.outstanding}, std::move(callbacks));
  std::lock_guard lock(mutex_);
  if (over_) return Over();
  if (closed_) return Error(Code::kInvalidState, "the upload was finished before");
  if (waiting_ > kWaitingLimit)
    return Error(Code::kBusy, "more than 4 MiB wait for the box to take them",
                 "Go on when an earlier write has completed.");
  auto taken = [self = Self(), completion, size](Result<void> how) {
    {
      std::lock_guard inner(self->mutex_);
      self->waiting_ -= size;
    }
    completion->Finish(std::move(how));
  };
  auto bytes = std::make_shared<Bytes>(std::move(data));  // std::function wants to be copied.
  auto post = [self = Self(), bytes, taken](Supervisor&) { self->Put(std::move(*bytes), taken); };
  BOXLITE_TRY(parts_.gate.Post(std::move(post), [&] { completion->Arm(); }));
  waiting_ += size;
  return {};
}

Result<void> UploadTask::End() {
  {
    std::lock_guard lock(mutex_);
    if (over_ || std::exchange(closed_, true)) return parts_.gate.CheckRunning();
  }
  return parts_.gate.Post([self = Self()](Supervisor&) {
    self->end_wanted_ = true;
    if (self->upload_) self->upload_->End();
  });
}

void UploadTask::Cancel() {
  parts_.gate.Tell([self = Self()](Supervisor&) {
    if (!self->finished_) self->Finish(Error(Code::kCancelled, "the operation was cancelled"));
  });
}

void UploadTask::CancelUnlessFinished() {
  {
    std::lock_guard lock(mutex_);
    if (closed_ || over_) return;
  }
  Cancel();
}

void UploadTask::Put(Bytes data, client::InputQueue::Taken taken) {
  if (finished_) return taken(Over());
  if (upload_) return upload_->Write(std::move(data), std::move(taken));
  early_.emplace_back(std::move(data), std::move(taken));
}

void UploadTask::OnRunning(LiveBox& box) {
  auto upload = client::Upload::Open(box.connection(), proto::Encode(request_),
                                     [this](Result<void> how) { Finish(std::move(how)); });
  if (!upload.ok()) return Finish(upload.TakeError());
  upload_ = upload.TakeValue();
  for (Piece& piece : std::exchange(early_, {}))
    upload_->Write(std::move(piece.first), std::move(piece.second));
  if (end_wanted_) upload_->End();
}

// The user's writes complete before the upload itself.
void UploadTask::DropTransfer() {
  finished_ = true;
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  for (Piece& piece : std::exchange(early_, {})) piece.second(Over());
  // The caller may be inside the upload: it goes when everything else is done.
  std::unique_ptr<client::Upload> upload = std::move(upload_);
  if (upload) upload->Abandon(Over());
}

}  // namespace boxlite::box
