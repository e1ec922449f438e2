// The agent's port of the kvm engine's console as a stream of bytes: what the guest writes goes
// from its rings into the reader's buffer and nowhere else, what is sent to it goes straight into
// its buffers, and what those do not take waits here.
//
// Thread rule: the loop's thread, on which the console's queues are kicked as well.
#pragma once

#include <array>
#include <memory>

#include "base/byte_queue.h"
#include "loop/stream.h"
#include "virtio/console.h"

namespace boxlite::machine {

// Stands between the console and the stream; either may come first, and the stream goes first.
class AgentPort : public virtio::PortListener {
 public:
  // As the console's; none is like one whose guest has not opened the port.
  size_t Read(std::span<uint8_t> into) { return console_ ? console_->Read(into) : 0; }
  size_t Write(ByteSpan bytes) { return console_ ? console_->Write(bytes) : 0; }
  void Attach(virtio::Console* console) { console_ = console; }

  void OnReadable() override {
    if (listener_) listener_->OnReadable();
  }
  void OnWritable() override {
    if (listener_) listener_->OnWritable();
  }
  void Listen(virtio::PortListener* listener) { listener_ = listener; }

 private:
  virtio::Console* console_ = nullptr;        // once there is one; it outlives the stream
  virtio::PortListener* listener_ = nullptr;  // the stream, while there is one
};

class AgentStream : public loop::ByteStream, private virtio::PortListener {
 public:
  // All outlive the stream.
  AgentStream(loop::Loop& loop, AgentPort& port, loop::StreamHandler& handler,
              size_t pending_limit);
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

  AgentPort& port_;
  loop::StreamHandler& handler_;
  const size_t pending_limit_;
  ByteQueue pending_;
  std::array<uint8_t, 4096> whole_{};  // a small frame on its way
  loop::Timer turn_;
  bool reading_ = true;
  std::shared_ptr<char> alive_ = std::make_shared<char>();  // for a handler that destroys us
};

}  // namespace boxlite::machine
