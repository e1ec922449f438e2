// The input of a process on its way from the host. What the process has not taken yet waits here,
// at most as much as was granted.
#pragma once

#include "base/byte_queue.h"
#include "base/unique_fd.h"
#include "guest-agent/loop.h"
#include "guest-agent/stream.h"
#include "proto/window.h"

namespace boxlite::agent {

constexpr uint32_t kInputWindow = 1024 * 1024;

enum class InputKind { kPipe, kTerminal };

class InputPipe {
 public:
  InputPipe(Loop& loop, Stream stream);

  void Start(UniqueFd fd, InputKind kind);
  void Data(ByteSpan bytes);
  // No more data: the pipe is closed, a terminal gets its end-of-file character.
  void End();
  // Nobody reads any more; what comes is dropped.
  void Close();

 private:
  void Write();

  Stream stream_;
  Watch watch_;
  UniqueFd fd_;
  InputKind kind_ = InputKind::kPipe;
  bool ended_ = false;
  ByteQueue waiting_;
  proto::ReceiveWindow window_{kInputWindow};
};

}  // namespace boxlite::agent
