// What a driver that is an attacker puts into a ring.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kvm/layout.h"
#include "unit/virtio/driver.h"
#include "virtio/queue.h"

namespace boxlite::virtio {
namespace {

using testing::HasSubstr;

constexpr uint16_t kSize = 8;
constexpr uint64_t kTable = kBuffers + 0x8000;

class HostileQueue : public testing::Test {
 protected:
  // What Pop says of a ring that was spoilt.
  std::string Refusal(uint64_t features = kTransportFeatures) {
    auto queue = Queue::Create(*memory_, driver_.config(), kSize, features);
    EXPECT_TRUE(queue.ok());
    auto popped = queue.value().Pop();
    EXPECT_FALSE(popped.ok());
    EXPECT_EQ(queue.value().in_flight(), 0);
    return popped.ok() ? "" : popped.error().message();
  }
  std::string CreationRefusal(QueueConfig config, uint16_t max_size = kSize) {
    auto queue = Queue::Create(*memory_, config, max_size, kTransportFeatures);
    EXPECT_FALSE(queue.ok());
    return queue.ok() ? "" : queue.error().message();
  }

  std::unique_ptr<kvm::GuestMemory> memory_ = MakeMemory();
  DriverQueue driver_{*memory_, 0x1000, kSize};
};

TEST_F(HostileQueue, Create_SizeNoPowerOfTwoOrTooLarge_IsRefused) {
  QueueConfig config = driver_.config();
  for (uint16_t size : {0, 3, 7, 16, 0x8000, 0xffff}) {
    config.size = size;
    EXPECT_THAT(CreationRefusal(config), HasSubstr("size")) << size;
  }
}

TEST_F(HostileQueue, Create_Misaligned_IsRefused) {
  for (int area = 0; area < 3; ++area) {
    QueueConfig config = driver_.config();
    config.descriptors += area == 0 ? 8 : 0;
    config.driver += area == 1 ? 1 : 0;
    config.device += area == 2 ? 2 : 0;
    EXPECT_THAT(CreationRefusal(config), HasSubstr("misaligned")) << area;
  }
}

TEST_F(HostileQueue, Create_AreaOutsideOfMemory_IsRefused) {
  // Past the end, across the end, in the devices, and around the end of the address space.
  for (uint64_t address : {kMemorySize, kMemorySize - 16, kvm::kMmioStart, UINT64_MAX - 15}) {
    for (int area = 0; area < 3; ++area) {
      QueueConfig config = driver_.config();
      (area == 0 ? config.descriptors : area == 1 ? config.driver : config.device) = address;
      EXPECT_THAT(CreationRefusal(config), HasSubstr("outside of memory")) << address << area;
    }
  }
}

TEST_F(HostileQueue, Pop_IndexFarAhead_IsRefused) {
  driver_.SetAvailableIndex(kSize + 1);
  EXPECT_THAT(Refusal(), HasSubstr("further"));
  driver_.SetAvailableIndex(0xffff);  // backwards
  EXPECT_THAT(Refusal(), HasSubstr("further"));
}

TEST_F(HostileQueue, Pop_HeadPastTheTable_IsRefused) {
  driver_.MakeAvailable(kSize);
  EXPECT_THAT(Refusal(), HasSubstr("past the end of its table"));
}

TEST_F(HostileQueue, Pop_NextPastTheTable_IsRefused) {
  driver_.SetDescriptor(0, kBuffers, 4, kNext, 0xffff);
  driver_.MakeAvailable(0);
  EXPECT_THAT(Refusal(), HasSubstr("past the end of its table"));
}

TEST_F(HostileQueue, Pop_ChainInCircles_IsRefused) {
  driver_.SetDescriptor(0, kBuffers, 4, kNext, 1);
  driver_.SetDescriptor(1, kBuffers, 4, kNext, 0);
  driver_.MakeAvailable(0);
  EXPECT_THAT(Refusal(), HasSubstr("circles"));
}

TEST_F(HostileQueue, Pop_EmptyBuffersInCircles_IsRefused) {
  driver_.SetDescriptor(0, kBuffers, 0, kNext, 0);
  driver_.MakeAvailable(0);
  EXPECT_THAT(Refusal(), HasSubstr("circles"));
}

TEST_F(HostileQueue, Pop_BufferOutsideOfMemory_IsRefused) {
  struct Case {
    uint64_t address;
    uint32_t length;
  };
  for (Case c : {Case{kMemorySize, 1}, Case{kMemorySize - 4, 8}, Case{kvm::kMmioStart, 4},
                 Case{UINT64_MAX, 1}, Case{UINT64_MAX - 7, 16}, Case{0, UINT32_MAX}}) {
    DriverQueue driver(*memory_, 0x1000, kSize);
    driver.Add({{c.address, c.length, true}});
    EXPECT_THAT(Refusal(), HasSubstr("outside of memory")) << c.address << " " << c.length;
  }
}

TEST_F(HostileQueue, Pop_ReadableAfterWritable_IsRefused) {
  driver_.Add({{kBuffers, 4, true}, {kBuffers, 4, false}});
  EXPECT_THAT(Refusal(), HasSubstr("after a writable"));
}

TEST_F(HostileQueue, Pop_ChainOfTooManyBytes_IsRefused) {
  std::vector<Buffer> buffers(Queue::kMaxChainBytes / (1024 * 1024) + 1, {0, 1024 * 1024, false});
  driver_.AddIndirect(buffers, kTable);
  EXPECT_THAT(Refusal(), HasSubstr("too many bytes"));
}

TEST_F(HostileQueue, Pop_IndirectWithoutTheFeature_IsRefused) {
  driver_.AddIndirect({{kBuffers, 4, false}}, kTable);
  EXPECT_THAT(Refusal(kVersion1), HasSubstr("without asking"));
}

TEST_F(HostileQueue, Pop_IndirectInIndirect_IsRefused) {
  driver_.WriteDescriptor(kTable, kTable, 16, kIndirect, 0);
  driver_.SetDescriptor(0, kTable, 16, kIndirect);
  driver_.MakeAvailable(0);
  EXPECT_THAT(Refusal(), HasSubstr("nests"));
}

TEST_F(HostileQueue, Pop_IndirectThatContinues_IsRefused) {
  driver_.SetDescriptor(0, kTable, 16, kIndirect | kNext, 1);
  driver_.MakeAvailable(0);
  EXPECT_THAT(Refusal(), HasSubstr("continues"));
}

TEST_F(HostileQueue, Pop_IndirectTableOfWrongSize_IsRefused) {
  for (uint32_t length : {0u, 8u, 17u, 16 * (Queue::kMaxChainLength + 1), UINT32_MAX - 15}) {
    DriverQueue driver(*memory_, 0x1000, kSize);
    driver.SetDescriptor(0, kTable, length, kIndirect);
    driver.MakeAvailable(0);
    EXPECT_THAT(Refusal(), HasSubstr("indirect table of")) << length;
  }
}

TEST_F(HostileQueue, Pop_IndirectTableOutsideOfMemory_IsRefused) {
  for (uint64_t address : {kMemorySize - 16, kMemorySize, UINT64_MAX - 15}) {
    DriverQueue driver(*memory_, 0x1000, kSize);
    driver.SetDescriptor(0, address, 32, kIndirect);
    driver.MakeAvailable(0);
    EXPECT_THAT(Refusal(), HasSubstr("outside of memory")) << address;
  }
}

TEST_F(HostileQueue, Pop_IndirectTableInCircles_IsRefused) {
  driver_.WriteDescriptor(kTable, kBuffers, 4, kNext, 1);
  driver_.WriteDescriptor(kTable + 16, kBuffers, 4, kNext, 0);
  driver_.SetDescriptor(0, kTable, 32, kIndirect);
  driver_.MakeAvailable(0);
  EXPECT_THAT(Refusal(), HasSubstr("circles"));
}

TEST_F(HostileQueue, Pop_NextPastAnIndirectTable_IsRefused) {
  driver_.WriteDescriptor(kTable, kBuffers, 4, kNext, 2);
  driver_.SetDescriptor(0, kTable, 32, kIndirect);
  driver_.MakeAvailable(0);
  EXPECT_THAT(Refusal(), HasSubstr("past the end of its table"));
}

TEST_F(HostileQueue, Pop_MoreThanARingInFlight_IsRefused) {
  Queue queue = Queue::Create(*memory_, driver_.config(), kSize, kTransportFeatures).TakeValue();
  driver_.SetDescriptor(0, kBuffers, 4, kWritable);
  for (int i = 0; i < kSize; ++i) {
    driver_.MakeAvailable(0);
    auto popped = queue.Pop();
    ASSERT_TRUE(popped.ok() && popped.value());
  }
  driver_.MakeAvailable(0);
  EXPECT_FALSE(queue.Pop().ok());
  EXPECT_EQ(queue.in_flight(), kSize);
}

TEST_F(HostileQueue, Restore_NonsenseState_IsRefused) {
  QueueState state;
  state.config = driver_.config();
  state.config.device = UINT64_MAX - 3;
  EXPECT_FALSE(Queue::Restore(*memory_, state, kSize).ok());
}

}  // namespace
}  // namespace boxlite::virtio
