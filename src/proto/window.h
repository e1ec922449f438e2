// Credit: how many bytes may be on their way on one channel. The receiver grants, the sender
// spends. A sender that spends what it was not granted breaks the protocol, and its connection is
// closed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/result.h"

namespace boxlite::proto {

constexpr uint64_t kMaxWindow = 64 * 1024 * 1024;  // what one side may have granted at a time

// The sender's half.
class SendWindow {
 public:
  explicit SendWindow(uint32_t initial = 0) : available_(initial) {}

  uint64_t available() const { return available_; }
  size_t Allow(size_t wanted) const {
    return static_cast<size_t>(std::min<uint64_t>(wanted, available_));
  }
  void Spend(size_t bytes) { available_ -= bytes; }
  Result<void> Grant(uint32_t bytes) {
    if (available_ + bytes > kMaxWindow)
      return Error(Code::kInternal, "protocol error: more credit than a window may hold");
    available_ += bytes;
    return {};
  }

 private:
  uint64_t available_;
};

// The receiver's half. Consumed bytes are granted anew in steps, so that not every chunk costs a
// frame.
class ReceiveWindow {
 public:
  explicit ReceiveWindow(uint32_t size = 0) : size_(size), granted_(size) {}

  Result<void> Receive(size_t bytes) {
    if (bytes > granted_)
      return Error(Code::kInternal, "protocol error: data beyond the granted window");
    granted_ -= bytes;
    return {};
  }
  // What to grant now that `bytes` were consumed; 0: nothing yet.
  uint32_t Consume(size_t bytes) {
    consumed_ += bytes;
    if (consumed_ < size_ / 4) return 0;
    auto grant = static_cast<uint32_t>(consumed_);
    granted_ += consumed_;
    consumed_ = 0;
    return grant;
  }

 private:
  uint32_t size_;
  uint64_t granted_;
  uint64_t consumed_ = 0;
};

}  // namespace boxlite::proto
