// The control messages of a console with several ports (virtio 1.2, section 5.3.6.2): what the
// guest says, and what is to be said to it. Port 0, which Linux would take for a terminal, is never
// added; port 1 is a generic port with a name.
//
//   guest: DEVICE_READY        -> PORT_ADD 1
//   guest: PORT_READY 1        -> PORT_NAME 1 "boxlite.agent", PORT_OPEN 1
//   guest: PORT_OPEN 1         a program opened it, or closed it
//
// Thread rule: none of its own; guarded by the console.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "virtio/console_state.h"

namespace boxlite::virtio {

class ConsoleControl {
 public:
  static constexpr uint32_t kPort = 1;
  static constexpr std::string_view kPortName = "boxlite.agent";
  static constexpr size_t kMessageSize = 8;
  static constexpr size_t kMaxWaiting = 16;

  // Whether the answers to one more message have room; if not, it stays in its queue.
  bool HasRoom() const { return waiting_.size() + kMaxAnswers <= kMaxWaiting; }
  // A message of the guest's, its first kMessageSize bytes. What is unknown is nothing.
  void Handle(ByteSpan message);

  bool empty() const { return waiting_.empty(); }
  // The message that is to go next.
  Bytes Encode() const;
  void Sent() { waiting_.pop_front(); }

  // Whether a program in the guest has the port open: what is sent before that, Linux throws away.
  bool guest_open() const { return guest_open_; }

  ConsoleControlState Save() const { return {{waiting_.begin(), waiting_.end()}, guest_open_}; }
  Result<void> Restore(const ConsoleControlState& state);

 private:
  static constexpr size_t kMaxAnswers = 2;
  std::deque<ControlMessage> waiting_;
  bool guest_open_ = false;
};

}  // namespace boxlite::virtio
