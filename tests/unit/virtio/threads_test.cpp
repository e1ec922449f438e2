// Devices as they are met by several threads at once: vCPUs at the registers, the loop with kicks,
// disk threads with completions. For ThreadSanitizer, and for what must hold whoever comes first.
#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "unit/virtio/block_driver.h"
#include "unit/virtio/console_driver.h"
#include "virtio/mmio.h"
#include "virtio/rng.h"

namespace boxlite::virtio {
namespace {

constexpr uint64_t kDiskSize = 1024 * 1024;
constexpr uint64_t kStatus = DriverRegisters::kStatus;

// Two vCPUs reset and start a device against each other, over rings that always have chains, while
// the loop does what `serve` is.
void StartAgainstEachOther(MmioTransport& transport, uint64_t features,
                           const std::vector<const DriverQueue*>& queues,
                           const std::function<void()>& serve) {
  std::atomic<bool> stop = false;
  std::thread loop([&] {
    while (!stop) serve();
  });
  auto restart = [&] {
    DriverRegisters registers(transport);
    for (int i = 0; i < 200; ++i) {
      registers.Negotiate(features);
      for (uint32_t index = 0; index < queues.size(); ++index)
        if (queues[index]) registers.SetQueue(index, queues[index]->config());
      registers.DriverOk();
      for (uint32_t index = 0; index < queues.size(); ++index)
        registers.Write(MmioTransport::kNotifyOffset, index);
      registers.Write(0x064, registers.Read(0x060));
    }
  };
  std::thread vcpu(restart);
  restart();
  vcpu.join();
  stop = true;
  loop.join();
}

class BlockThreads : public testing::Test {
 protected:
  void Start() {
    registers_.Write(kStatus, 0);
    Put(*memory_, 0x1000, Bytes(0x4000));
    driver_ = std::make_unique<BlockDriver>(*memory_);
    registers_.Negotiate(kTransportFeatures | Feature(9));
    registers_.SetQueue(0, driver_->queue.config());
    registers_.DriverOk();
  }

  std::unique_ptr<kvm::GuestMemory> memory_ = MakeMemory();
  Line line_;
  Interrupt interrupt_{line_};
  std::unique_ptr<IoPool> pool_ = IoPool::Create(3, nullptr).TakeValue();
  std::unique_ptr<Block> block_ =
      Block::Create(*memory_, interrupt_, *pool_, {MakeDisk(kDiskSize), false, "x"}).TakeValue();
  MmioTransport transport_{*memory_, *block_, interrupt_};
  DriverRegisters registers_{transport_};
  std::unique_ptr<BlockDriver> driver_;
};

// Rounds of 32 requests in parallel, waited for by interrupts alone, so that one that is missing
// ends the test by its time limit.
TEST_F(BlockThreads, ManyRequestsInParallel_AllEndAndAreRight) {
  constexpr uint32_t kSlots = 32;
  Start();
  for (uint32_t round = 0; round < 60; ++round) {
    bool write = round % 2 == 0;
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      uint64_t buffer = kBuffers + 8192 * uint64_t{slot};
      Put(*memory_, buffer, Bytes(4096, static_cast<uint8_t>(write ? round + slot : 0)));
      driver_->Request(slot, write ? kOut : kIn, 8 * uint64_t{slot}, {{buffer, 4096, !write}});
      registers_.Write(MmioTransport::kNotifyOffset, 0);
    }
    for (uint32_t done = 0; done < kSlots;) {
      int seen = line_.count();
      driver_->queue.SetUsedEvent(static_cast<uint16_t>(round * kSlots + done));
      if (driver_->queue.used_index() == static_cast<uint16_t>(round * kSlots + done))
        line_.WaitForMoreThan(seen);
      while (driver_->queue.NextUsed()) ++done;
    }
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      ASSERT_EQ(driver_->Status(slot), kOk);
      auto expected = static_cast<uint8_t>((write ? round : round - 1) + slot);
      ASSERT_EQ(Get(*memory_, kBuffers + 8192 * uint64_t{slot}, 4096), Bytes(4096, expected));
    }
  }
  EXPECT_EQ(driver_->queue.free_descriptors(), Block::kQueueSize);
}

TEST_F(BlockThreads, ResetWhileRequestsRun_NothingIsTouchedAfterwards) {
  for (uint32_t round = 0; round < 100; ++round) {
    Start();
    for (uint32_t slot = 0; slot < 16; ++slot)
      driver_->Request(slot, kIn, 0, {{kBuffers + 8192 * uint64_t{slot}, 8192, true}});
    std::thread loop([this] { block_->Kick(0); });
    registers_.Write(kStatus, 0);
    uint16_t used = driver_->queue.used_index();
    // The ring's memory is the guest's again, and it writes there.
    Put(*memory_, 0x1000, Bytes(0x4000, 0xaa));
    loop.join();
    ASSERT_EQ(Get(*memory_, 0x1000, 0x4000), Bytes(0x4000, 0xaa));
    ASSERT_LE(used, 16);
    ASSERT_EQ(registers_.Read(0x060), 0u);
    ASSERT_EQ(registers_.Read(kStatus), 0u);
  }
}

TEST_F(BlockThreads, RegistersFromTwoVcpus_WhileKicked_EndInAWorkingDevice) {
  Start();
  for (uint32_t slot = 0; slot < 16; ++slot)
    driver_->Request(slot, kIn, 0, {{kBuffers + 4096 * uint64_t{slot}, 512, true}});
  StartAgainstEachOther(transport_, kTransportFeatures, {&driver_->queue},
                        [this] { block_->Kick(0); });
  Start();
  int seen = line_.count();
  driver_->Request(0, kFlush, 0, {});
  registers_.Write(MmioTransport::kNotifyOffset, 0);
  line_.WaitForMoreThan(seen);
  EXPECT_EQ(driver_->Status(0), kOk);
}

// The guest says and hears a stream on one thread, the host reads and writes on another, each woken
// by the other alone.
class ConsoleThreads : public testing::Test, public PortListener {
 protected:
  void OnReadable() override { Ring(); }
  void OnWritable() override { Ring(); }
  void Ring() {
    std::lock_guard lock(mutex_);
    ++rings_;
    rung_.notify_all();
  }
  int rings() {
    std::lock_guard lock(mutex_);
    return rings_;
  }
  void WaitForRingAfter(int seen) {
    std::unique_lock lock(mutex_);
    rung_.wait(lock, [this, seen] { return rings_ > seen; });
  }
  // The host: gives back what it reads until so much went through.
  void Echo(size_t total) {
    Bytes buffer(10'000);
    for (size_t moved = 0; moved < total;) {
      int seen = rings();
      size_t count = console_.Read(buffer);
      moved += count;
      if (count == 0) WaitForRingAfter(seen);
      for (size_t written = 0; written < count;) {
        seen = rings();
        size_t piece = console_.Write(ByteSpan(buffer).first(count).subspan(written));
        written += piece;
        if (piece == 0) WaitForRingAfter(seen);
      }
    }
  }

  std::unique_ptr<kvm::GuestMemory> memory_ = MakeMemory();
  Line line_;
  Interrupt interrupt_{line_};
  Console console_{*memory_, interrupt_, *this};
  ConsoleDriver driver_{*memory_};
  std::mutex mutex_;
  std::condition_variable rung_;
  int rings_ = 0;  // guarded by mutex_
};

TEST_F(ConsoleThreads, Echo_OfAStream_IsComplete) {
  constexpr size_t kTotal = 1024 * 1024;
  console_.Activate(kTransportFeatures, driver_.MakeQueues());
  driver_.Open(console_);
  driver_.GiveBuffers(console_, 60);
  std::thread host([this] { Echo(kTotal); });
  std::string said, heard;
  while (heard.size() < kTotal) {
    int seen = line_.count();
    driver_.port_input.SetUsedEvent(driver_.port_input.used_index());
    driver_.port_output.SetUsedEvent(driver_.port_output.used_index());
    size_t before = heard.size() + said.size();
    if (said.size() < kTotal && driver_.port_output.free_descriptors() > 60) {
      std::string piece(8192, static_cast<char>('a' + said.size() / 8192 % 26));
      said += piece;
      driver_.Say(console_, piece);
    }
    while (driver_.port_output.NextUsed()) {
    }
    heard += driver_.Hear();
    while (driver_.port_input.free_descriptors() > 4) driver_.GiveBuffers(console_, 1);
    if (heard.size() + said.size() == before) line_.WaitForMoreThan(seen);
  }
  host.join();
  EXPECT_EQ(heard, said);
}

TEST_F(ConsoleThreads, ResetWhileRead_EndsInSilence) {
  std::atomic<bool> stop = false;
  std::thread host([&] {
    Bytes buffer(1000);
    while (!stop) {
      static_cast<void>(console_.Read(buffer));
      static_cast<void>(console_.Write(buffer));
    }
  });
  for (int round = 0; round < 100; ++round) {
    Put(*memory_, 0x10000, Bytes(0x8000));
    driver_ = ConsoleDriver(*memory_);
    console_.Activate(kTransportFeatures, driver_.MakeQueues());
    driver_.Open(console_);
    driver_.GiveBuffers(console_, 8);
    driver_.Say(console_, "text");
    console_.Reset();
    Put(*memory_, 0x10000, Bytes(0x8000, 0xaa));
    ASSERT_EQ(Get(*memory_, 0x10000, 0x8000), Bytes(0x8000, 0xaa));
  }
  stop = true;
  host.join();
  EXPECT_FALSE(interrupt_.failed());
}

TEST_F(ConsoleThreads, RegistersFromTwoVcpus_WhileReadAndWritten_EndInAWorkingDevice) {
  MmioTransport transport(*memory_, console_, interrupt_);
  for (DriverQueue* queue : {&driver_.control_input, &driver_.port_input})
    for (uint64_t i = 0; i < 8; ++i) queue->Add({{kBuffers + 4096 * i, 4096, true}});
  for (uint16_t event : {0, 3, 6}) {
    uint64_t message = kBuffers + 0x10000 + 8u * event;
    Put(*memory_, message, ConsoleDriver::Message(1, event, 1));
    driver_.control_output.Add({{message, 8, false}});
  }
  driver_.port_output.Add({{kBuffers, 100, false}});
  Bytes buffer(1000);
  StartAgainstEachOther(transport, kTransportFeatures | Feature(1),
                        {nullptr, nullptr, &driver_.control_input, &driver_.control_output,
                         &driver_.port_input, &driver_.port_output},
                        [&] {
                          static_cast<void>(console_.Read(buffer));
                          static_cast<void>(console_.Write(buffer));
                          console_.Kick(kControlOutput);
                        });
  transport.Write(kStatus, Bytes(4));
  Put(*memory_, 0x10000, Bytes(0x8000));
  driver_ = ConsoleDriver(*memory_);
  console_.Activate(kTransportFeatures, driver_.MakeQueues());
  driver_.Open(console_);
  driver_.Say(console_, "text");
  EXPECT_EQ(console_.Read(buffer), 4u);
}

TEST(RngThreads, RegistersFromTwoVcpus_WhileKicked_EndInAWorkingDevice) {
  auto memory = MakeMemory();
  Line line;
  Interrupt interrupt(line);
  Rng rng(*memory, interrupt);
  MmioTransport transport(*memory, rng, interrupt);
  DriverQueue driver(*memory, 0x1000, Rng::kQueueSize);
  for (uint64_t i = 0; i < Rng::kQueueSize; ++i) driver.Add({{kBuffers + 4096 * i, 4096, true}});
  StartAgainstEachOther(transport, kTransportFeatures, {&driver}, [&rng] { rng.Kick(0); });
  DriverRegisters registers(transport);
  registers.Negotiate(kTransportFeatures);
  Put(*memory, driver.config().device, Bytes(4));
  registers.SetQueue(0, driver.config());
  registers.DriverOk();
  EXPECT_EQ(registers.Read(kStatus), 15u);
  rng.Kick(0);
  EXPECT_EQ(driver.used_index(), Rng::kQueueSize);
}

TEST(RngThreads, KicksFromTwoThreads_EachRequestIsAnsweredOnce) {
  auto memory = MakeMemory();
  Line line;
  Interrupt interrupt(line);
  Rng rng(*memory, interrupt);
  DriverQueue driver(*memory, 0x1000, Rng::kQueueSize);
  rng.Activate(kTransportFeatures, QueuesOf(*memory, {&driver}, kTransportFeatures));
  std::atomic<bool> stop = false;
  std::thread loop([&] {
    while (!stop) rng.Kick(0);
  });
  for (int i = 0; i < 2000; ++i) {
    driver.Add({{kBuffers, 16, true}});
    rng.Kick(0);
    auto used = driver.NextUsed();
    ASSERT_TRUE(used);
    ASSERT_EQ(used->written, 16u);
  }
  stop = true;
  loop.join();
  EXPECT_EQ(driver.used_index(), 2000);
}

}  // namespace
}  // namespace boxlite::virtio
