// UploadTask: a stream of bytes from the user into a box, which comes piece by piece.
//
// Thread rule: Write, End and Cancel on any thread, the rest on the loop's.
#pragma once

#include <memory>
#include <mutex>

#include "box/file_task.h"

namespace boxlite::box {

class UploadTask : public FileTask {
 public:
  // Parts of the runtime, which outlives us.
  struct Parts {
    LoopGate& gate;
    CallbackQueue& queue;
    Outstanding& outstanding;
  };

  UploadTask(Parts parts, proto::PutTree request, CompletionPtr<void> completion)
      : FileTask(std::move(completion)), parts_(parts), request_(std::move(request)) {}

  // As Execution::WriteStdin.
  Result<void> Write(Bytes data, Callbacks<void> callbacks);
  // No more comes.
  Result<void> End();
  // Without effect after the end of the upload itself.
  void Cancel();
  // Nobody can finish it any more.
  void CancelUnlessFinished();

  void OnRunning(LiveBox& box) override;

 private:
  using Piece = std::pair<Bytes, client::InputQueue::Taken>;

  std::shared_ptr<UploadTask> Self();
  void DropTransfer() override;
  void Put(Bytes data, client::InputQueue::Taken taken);

  const Parts parts_;
  const proto::PutTree request_;

  std::mutex mutex_;
  // guarded by mutex_
  size_t waiting_ = 0;
  bool closed_ = false;
  bool over_ = false;

  // the loop's thread
  bool finished_ = false;
  bool end_wanted_ = false;
  std::vector<Piece> early_;  // before the box runs
  std::unique_ptr<client::Upload> upload_;
};

}  // namespace boxlite::box
