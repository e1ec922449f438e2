// The driver's side of a virtqueue and of the registers, over real guest memory: what a guest's
// kernel does, and what a hostile one would.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "kvm/guest_memory.h"
#include "kvm/interrupt_line.h"
#include "virtio/features.h"
#include "virtio/interrupt.h"
#include "virtio/mmio.h"
#include "virtio/queue_state.h"

namespace boxlite::virtio {

constexpr uint64_t kMemorySize = 4 * 1024 * 1024;
constexpr uint64_t kBuffers = 1024 * 1024;  // what is below is for rings

inline std::unique_ptr<kvm::GuestMemory> MakeMemory(uint64_t size = kMemorySize) {
  return kvm::GuestMemory::Create(size).TakeValue();
}

// An interrupt controller of its own: counts, and lets one wait.
class Line : public kvm::InterruptLine {
 public:
  void Raise() override {
    std::lock_guard lock(mutex_);
    ++count_;
    raised_.notify_all();
  }
  int count() const {
    std::lock_guard lock(mutex_);
    return count_;
  }
  // Returns once more than `seen` were raised.
  void WaitForMoreThan(int seen) {
    std::unique_lock lock(mutex_);
    raised_.wait(lock, [this, seen] { return count_ > seen; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable raised_;
  int count_ = 0;  // guarded by mutex_
};

struct Buffer {
  uint64_t address = 0;
  uint32_t length = 0;
  bool writable = false;
};

struct Used {
  uint32_t head = 0;
  uint32_t written = 0;
};

constexpr uint16_t kNext = 1;
constexpr uint16_t kWritable = 2;
constexpr uint16_t kIndirect = 4;

class DriverQueue {
 public:
  // The areas lie one after the other from `base`, a multiple of 4096.
  DriverQueue(kvm::GuestMemory& memory, uint64_t base, uint16_t size)
      : memory_(&memory), config_{size, base, base + 16u * size, 0}, chains_(size) {
    config_.device = (config_.driver + 6 + 2u * size + 3) / 4 * 4;
    for (uint16_t i = 0; i < size; ++i) free_.push_back(static_cast<uint16_t>(size - 1 - i));
  }
  const QueueConfig& config() const { return config_; }
  size_t free_descriptors() const { return free_.size(); }

  void SetDescriptor(uint16_t index, uint64_t address, uint32_t length, uint16_t flags,
                     uint16_t next = 0) {
    WriteDescriptor(config_.descriptors + 16u * index, address, length, flags, next);
  }
  void WriteDescriptor(uint64_t at, uint64_t address, uint32_t length, uint16_t flags,
                       uint16_t next) {
    Bytes raw;
    AppendLe<uint64_t>(raw, address);
    AppendLe<uint32_t>(raw, length);
    AppendLe<uint16_t>(raw, flags);
    AppendLe<uint16_t>(raw, next);
    EXPECT_TRUE(memory_->Write(at, raw));
  }

  // A chain of plain descriptors, or one with an indirect table; made available.
  uint16_t Add(const std::vector<Buffer>& buffers) {
    std::vector<uint16_t> used;
    for (size_t i = 0; i < buffers.size(); ++i) used.push_back(TakeFree());
    for (size_t i = 0; i < buffers.size(); ++i) {
      bool last = i + 1 == buffers.size();
      SetDescriptor(used[i], buffers[i].address, buffers[i].length, FlagsOf(buffers[i], last),
                    last ? uint16_t{0} : used[i + 1]);
    }
    uint16_t head = used.front();
    chains_[head] = used;
    MakeAvailable(head);
    return head;
  }
  uint16_t AddIndirect(const std::vector<Buffer>& buffers, uint64_t table) {
    for (size_t i = 0; i < buffers.size(); ++i) {
      bool last = i + 1 == buffers.size();
      WriteDescriptor(table + 16 * i, buffers[i].address, buffers[i].length,
                      FlagsOf(buffers[i], last), static_cast<uint16_t>(last ? 0 : i + 1));
    }
    uint16_t head = TakeFree();
    SetDescriptor(head, table, static_cast<uint32_t>(16 * buffers.size()), kIndirect);
    chains_[head] = {head};
    MakeAvailable(head);
    return head;
  }
  void MakeAvailable(uint16_t head) {
    uint64_t slot = available_ % config_.size;
    EXPECT_TRUE(memory_->Store<uint16_t>(config_.driver + 4 + 2 * slot, head));
    SetAvailableIndex(static_cast<uint16_t>(available_ + 1));
  }
  void SetAvailableIndex(uint16_t index) {
    available_ = index;
    EXPECT_TRUE(memory_->Store<uint16_t>(config_.driver + 2, available_));
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }

  std::optional<Used> NextUsed() {
    if (*memory_->Load<uint16_t>(config_.device + 2) == used_) return std::nullopt;
    uint64_t entry = config_.device + 4 + 8u * (used_++ % config_.size);
    Used used{*memory_->Load<uint32_t>(entry), *memory_->Load<uint32_t>(entry + 4)};
    for (uint16_t index : chains_.at(used.head)) free_.push_back(index);
    chains_.at(used.head).clear();
    return used;
  }
  uint16_t used_index() const { return *memory_->Load<uint16_t>(config_.device + 2); }

  // Whether the device asked for a kick when the index moved from `before` to where it is.
  bool WantsKick(uint16_t before) const {
    auto event = *memory_->Load<uint16_t>(config_.device + 4 + 8u * config_.size);
    return static_cast<uint16_t>(available_ - event - 1) <
           static_cast<uint16_t>(available_ - before);
  }
  bool KicksDisabled() const { return *memory_->Load<uint16_t>(config_.device) == 1; }
  uint16_t available() const { return available_; }

  // With an event index: an interrupt, please, when entry `index` is used. Without: none at all.
  void SetUsedEvent(uint16_t index) {
    EXPECT_TRUE(memory_->Store<uint16_t>(config_.driver + 4 + 2u * config_.size, index));
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  void DisableInterrupts() { EXPECT_TRUE(memory_->Store<uint16_t>(config_.driver, 1)); }

 private:
  static uint16_t FlagsOf(const Buffer& buffer, bool last) {
    return static_cast<uint16_t>((buffer.writable ? kWritable : 0) | (last ? 0 : kNext));
  }
  uint16_t TakeFree() {
    uint16_t index = free_.back();
    free_.pop_back();
    return index;
  }

  kvm::GuestMemory* memory_;
  QueueConfig config_;
  std::vector<uint16_t> free_;
  std::vector<std::vector<uint16_t>> chains_;  // by head: what it is made of
  uint16_t available_ = 0;
  uint16_t used_ = 0;
};

// What is written to and read from registers.
class DriverRegisters {
 public:
  explicit DriverRegisters(kvm::BusDevice& device) : device_(device) {}

  uint32_t Read(uint64_t offset) {
    std::array<uint8_t, 4> raw{};
    device_.Read(offset, raw);
    return LoadLe<uint32_t>(raw.data());
  }
  void Write(uint64_t offset, uint32_t value) {
    std::array<uint8_t, 4> raw{};
    StoreLe(raw.data(), value);
    device_.Write(offset, raw);
  }

  // Up to FEATURES_OK.
  void Negotiate(uint64_t features) {
    Write(kStatus, 0);
    Write(kStatus, 1);
    Write(kStatus, 3);
    for (uint32_t half = 0; half < 2; ++half) {
      Write(0x024, half);
      Write(0x020, static_cast<uint32_t>(features >> (32 * half)));
    }
    Write(kStatus, 11);
  }
  void SetQueue(uint32_t index, const QueueConfig& config) {
    Write(0x030, index);
    Write(0x038, config.size);
    SetAddress(0x080, config.descriptors);
    SetAddress(0x090, config.driver);
    SetAddress(0x0a0, config.device);
    Write(0x044, 1);
  }
  void DriverOk() { Write(kStatus, 15); }

  static constexpr uint64_t kStatus = 0x070;

 private:
  void SetAddress(uint64_t offset, uint64_t address) {
    Write(offset, static_cast<uint32_t>(address));
    Write(offset + 4, static_cast<uint32_t>(address >> 32));
  }
  kvm::BusDevice& device_;
};

inline Queues QueuesOf(kvm::GuestMemory& memory, const std::vector<const DriverQueue*>& drivers,
                       uint64_t features) {
  Queues queues;
  for (const DriverQueue* driver : drivers) {
    if (driver)
      queues.emplace_back(Queue::Create(memory, driver->config(), 256, features).TakeValue());
    else
      queues.emplace_back();
  }
  return queues;
}

inline void Put(kvm::GuestMemory& memory, uint64_t address, ByteSpan bytes) {
  EXPECT_TRUE(memory.Write(address, bytes));
}
inline Bytes Get(const kvm::GuestMemory& memory, uint64_t address, size_t size) {
  Bytes bytes(size);
  EXPECT_TRUE(memory.Read(address, bytes));
  return bytes;
}

}  // namespace boxlite::virtio
