// SHUTDOWN: every process ends, the disks are put in order, the host is told, the machine restarts
// (it cannot power off; the host takes a restart after BYE for the end).
#pragma once

#include <functional>
#include <memory>

#include "guest-agent/loop.h"
#include "guest-agent/stream.h"

namespace boxlite::agent {

class Shutdown : public Operation {
 public:
  // `ended` is called once: no process is left, or none goes.
  Shutdown(Loop& loop, Stream stream, uint32_t grace_ms, std::function<void()> ended);

  // After each round of collecting processes.
  void OnRound(bool any_left);
  Stream& stream() { return stream_; }

  void OnData(ByteSpan) override {}
  void OnEnd() override {}
  Result<void> OnCredit(proto::Channel, uint32_t) override { return {}; }
  void OnEvent(ByteSpan) override {}
  void OnCancel() override {}  // There is no way back: processes have been told to end.
  void OnRoom() override {}

 private:
  void OnTimer();

  enum class State { kAsking, kKilling, kDelivering, kEnded };

  Stream stream_;
  Timer timer_;
  std::function<void()> ended_;
  State state_ = State::kAsking;
};

}  // namespace boxlite::agent
