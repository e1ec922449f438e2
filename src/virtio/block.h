// Block: a virtio disk (virtio 1.2, section 5.2) on a regular file. Requests are parsed where the
// kick arrives and done on the pool's threads, several at once and in any order; the one that ends
// takes what has become available meanwhile, so that a busy ring needs no kicks.
//
// Thread rule: any thread. A reset waits for the requests that a disk thread has begun, as long as
// the host's disk takes: what is under way writes into the guest's memory and cannot be called
// back.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "virtio/block_request.h"
#include "virtio/block_state.h"
#include "virtio/device.h"
#include "virtio/interrupt.h"
#include "virtio/io_pool.h"

namespace boxlite::virtio {

class Block : public Device {
 public:
  static constexpr uint16_t kQueueSize = 256;

  struct Options {
    UniqueFd file;
    bool read_only = false;
    std::string id = "boxlite";  // what GET_ID answers, at most 20 bytes of it
  };

  // The first three outlive the device. Its size is the file's, in whole sectors.
  static Result<std::unique_ptr<Block>> Create(kvm::GuestMemory& memory, Interrupt& interrupt,
                                               IoPool& pool, Options options);
  // Waits as Reset does.
  ~Block() override;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  uint32_t id() const override { return 2; }
  uint64_t features() const override;
  size_t queue_count() const override { return 1; }
  uint16_t queue_max_size(size_t index) const override;
  void ReadConfig(uint64_t offset, std::span<uint8_t> data) const override;
  void WriteConfig(uint64_t offset, ByteSpan data) override;
  void Activate(uint64_t features, Queues queues) override;
  void Kick(size_t index) override;
  void Reset() override;

  // While no vCPU runs; waits until nothing is in flight. A device is restored once, in place of
  // Activate.
  BlockState Save() const;
  Result<void> Restore(const BlockState& state);

 private:
  Block(kvm::GuestMemory& memory, Interrupt& interrupt, IoPool& pool, BlockFile file,
        Options options);
  void Run(const BlockRequest& request);  // on a disk thread
  void Stop();
  // Each with mutex_ held.
  void TakeRequests();
  Result<bool> TakeRequest();
  void Finish(uint16_t head, uint32_t written);

  kvm::GuestMemory& memory_;
  Interrupt& interrupt_;
  IoPool& pool_;
  const BlockFile file_;
  const bool read_only_;
  const std::string id_;

  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable idle_;
  std::optional<Queue> queue_;
  size_t in_flight_ = 0;
  bool running_ = false;  // requests are taken and begun
  bool write_through_ = false;
};

}  // namespace boxlite::virtio
