// OutputChannel: one stream of bytes on its way from a box to the user's callback.
//
// The loop's thread appends what came; one event in the queue stands for all of it, and takes it
// all when it is run. So what waits here is bounded by the window that the box was granted, and the
// window is opened again only when the callback has returned (or, with kManual, when the user says
// that he has read).
//
// Thread rule: Append on the loop's thread, the rest on any thread. Lives in a shared_ptr, because
// the event in the queue may outlive the execution.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "base/bytes.h"
#include "base/result.h"
#include "box/callback_queue.h"

namespace boxlite::box {

enum class Credit { kAutomatic, kManual };

class OutputChannel : public std::enable_shared_from_this<OutputChannel> {
 public:
  using Deliver = std::function<void(ByteSpan)>;
  using Consumed = std::function<void(size_t)>;

  // `deliver` is the user's callback (empty: nobody wants the bytes); `consumed` is called on any
  // thread and opens the window.
  OutputChannel(CallbackQueue& queue, Credit credit, Deliver deliver, Consumed consumed)
      : queue_(queue),
        credit_(credit),
        deliver_(std::move(deliver)),
        consumed_(std::move(consumed)) {}

  void Append(ByteSpan data);
  // With kManual: kInvalidArgument beyond what came.
  Result<void> Consume(size_t bytes);

 private:
  void Run();

  CallbackQueue& queue_;
  const Credit credit_;
  const Deliver deliver_;
  const Consumed consumed_;
  std::mutex mutex_;
  // guarded by mutex_
  Bytes waiting_;
  bool queued_ = false;
  size_t unread_ = 0;  // delivered, and not consumed
};

}  // namespace boxlite::box
