#include "box/output_channel.h"

#include <utility>

namespace boxlite::box {

void OutputChannel::Append(ByteSpan data) {
  if (!deliver_) return consumed_(data.size());
  {
    std::lock_guard lock(mutex_);
    waiting_.insert(waiting_.end(), data.begin(), data.end());
    if (std::exchange(queued_, true)) return;
  }
  queue_.Put([self = shared_from_this()] { self->Run(); });
}

void OutputChannel::Run() {
  Bytes data;
  {
    std::lock_guard lock(mutex_);
    data = std::exchange(waiting_, {});
    queued_ = false;
    // Before the callback: it may consume inside.
    if (credit_ == Credit::kManual) unread_ += data.size();
  }
  deliver_(data);
  if (credit_ == Credit::kAutomatic) consumed_(data.size());
}

Result<void> OutputChannel::Consume(size_t bytes) {
  if (credit_ != Credit::kManual)
    return Error(Code::kInvalidState,
                 "the execution was started without BOXLITE_EXEC_MANUAL_CREDIT");
  {
    std::lock_guard lock(mutex_);
    if (bytes > unread_ && deliver_)
      return Error(Code::kInvalidArgument, "size " + std::to_string(bytes) + " is more than the " +
                                               std::to_string(unread_) + " bytes that came");
    if (!deliver_) return {};
    unread_ -= bytes;
  }
  if (bytes > 0) consumed_(bytes);
  return {};
}

}  // namespace boxlite::box
