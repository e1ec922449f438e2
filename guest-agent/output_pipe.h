// One output of a process (a pipe, or its terminal) on its way to the host: bytes are read straight
// into the outgoing queue, as many as the client's credit allows. A slow reader leaves its pipe
// full and so stops its own process.
#pragma once

#include <cstdint>
#include <functional>

#include "base/unique_fd.h"
#include "guest-agent/loop.h"
#include "guest-agent/stream.h"
#include "proto/window.h"

namespace boxlite::agent {

class OutputPipe {
 public:
  // `progress` is called when something has been passed on, END included.
  OutputPipe(Loop& loop, Stream stream, proto::Channel channel, std::function<void()> progress);

  void Start(UniqueFd fd, uint32_t window);
  Result<void> Grant(uint32_t bytes);
  // Reads again where it had stopped for want of credit or room.
  void Resume();

  // The process has ended: what its pipe holds now still has to be delivered.
  void MarkEnd();
  bool at_end() const { return !fd_; }
  // Everything that was there at MarkEnd has been passed on.
  bool delivered() const { return at_end() || owed_ == 0; }
  // Gives up what is left: END is sent, the descriptor is the caller's.
  UniqueFd Finish();

 private:
  void Read(uint32_t events);
  void ReadWithoutCredit(uint32_t events);
  void End();

  Stream stream_;
  proto::Channel channel_;
  std::function<void()> progress_;
  UniqueFd fd_;
  Watch watch_;
  proto::SendWindow window_;
  size_t owed_ = 0;
};

}  // namespace boxlite::agent
