// Carries what the serial port says from the vCPUs' threads to the loop, in pieces. What the loop
// has not taken yet is bounded: a guest that writes faster than anybody reads loses its oldest
// bytes, since its last words are the ones that matter.
//
// Thread rule: Put is for any thread, the rest for the loop's.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "loop/loop.h"

namespace boxlite::machine {

class SerialRelay {
 public:
  static constexpr size_t kLimit = 64 * 1024;

  using Handler = std::function<void(std::string_view)>;

  Result<void> Start(loop::Loop& loop, Handler handler) {
    handler_ = std::move(handler);
    bell_ = BOXLITE_TRY(loop::Async::Create(loop, [this] { Deliver(); }));
    return {};
  }

  void Put(uint8_t byte) {
    std::lock_guard lock(mutex_);
    if (waiting_.size() >= kLimit) waiting_.erase(0, kLimit / 2);
    waiting_.push_back(static_cast<char>(byte));
    if (waiting_.size() == 1 && bell_) bell_->Ring();
  }

  // Hands over what is there, now.
  void Deliver() {
    std::string text;
    {
      std::lock_guard lock(mutex_);
      text.swap(waiting_);
    }
    if (!text.empty()) handler_(text);
  }

 private:
  Handler handler_;
  std::unique_ptr<loop::Async> bell_;
  std::mutex mutex_;
  std::string waiting_;  // guarded by mutex_
};

}  // namespace boxlite::machine
