// The agent's port of the kvm engine's console as a stream of bytes: what the guest writes goes
// from its rings into the reader's buffer and nowhere else, what is sent to it goes straight into
// its buffers, and what those do not take waits here.
//
// Thread rule: the loop's thread, on which the console's queues are kicked as well.
#pragma once

#include <memory>

#include "base/byte_queue.h"
#include "loop/stream.h"
#include "virtio/console.h"

namespace boxlite::machine {

// Stands between the console, which is there from the beginning, and the stream, which is opened
// later and goes earlier.
class AgentPort : public virtio::PortListener {
 public:
  void OnReadable() override {
    if (listener_) listener_->OnReadable();
  }
  void OnWritable() override {
    if (listener_) listener_->OnWritable();
  }
  void Listen(virtio::PortListener* listener) { listener_ = listener; }

 private:
  virtio::PortListener* listener_ = nullptr;  // the stream, while there is one
};

class AgentStream : public loop::ByteStream, private virtio::PortListener {
 public:
  // All outlive the stream.
  AgentStream(loop::Loop& loop, virtio::Console& console, AgentPort& port,
              loop::StreamHandler& handler, size_t pending_limit);
  ~AgentStream() override;
  AgentStream(const AgentStream&) = delete;
  AgentStream& operator=(const AgentStream&) = delete;

  Result<void> Send(ByteSpan head, ByteSpan body) override;
  size_t pending() const override { return pending_.size(); }
  void PauseReading() override { reading_ = false; }
  void ResumeReading() override;

 private:
  // Reads for one turn of the loop, so that a guest that writes without end leaves others theirs.
  static constexpr int kReadsEachTurn = 4;

  void OnReadable() override { turn_.Start(0); }
  void OnWritable() override;
  void ReadSome();
  size_t Write(ByteSpan head, ByteSpan body);

  virtio::Console& console_;
  AgentPort& port_;
  loop::StreamHandler& handler_;
  const size_t pending_limit_;
  ByteQueue pending_;
  loop::Timer turn_;
  bool reading_ = true;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // for a handler that destroys us
};

}  // namespace boxlite::machine
