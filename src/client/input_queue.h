// InputQueue: bytes on their way to the input channel of a call, and word to each writer when the
// guest has taken its bytes. "Taken" means: sent within the window that the guest granted, which is
// its promise to hold them.
//
// Thread rule: the loop's thread.
#pragma once

#include <deque>
#include <functional>

#include "base/bytes.h"
#include "base/result.h"
#include "helper/connection.h"

namespace boxlite::client {

class InputQueue {
 public:
  using Taken = std::function<void(Result<void>)>;

  void Push(Bytes data, Taken taken);  // before End
  void End();
  // Sends what may go now. A `taken` may do anything but destroy the queue.
  void Pump(helper::Call& call);
  // Nothing can be sent any more.
  void Abandon(const Error& why);

 private:
  struct Entry {
    Bytes data;
    Taken taken;
  };
  std::deque<Entry> entries_;
  size_t sent_ = 0;  // of the first
  bool end_wanted_ = false;
  bool end_sent_ = false;
};

}  // namespace boxlite::client
