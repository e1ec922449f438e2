#include "virtio/mmio.h"

#include <gtest/gtest.h>

#include "unit/virtio/driver.h"
#include "virtio/rng.h"

namespace boxlite::virtio {
namespace {

constexpr uint64_t kStatus = DriverRegisters::kStatus;
constexpr uint32_t kNeedsReset = 64;

class MmioTest : public testing::Test {
 protected:
  void Start() {
    registers_.Negotiate(kTransportFeatures);
    registers_.SetQueue(0, driver_.config());
    registers_.DriverOk();
  }
  // Whether a request for entropy is answered.
  bool Serves() {
    driver_.Add({{kBuffers, 64, true}});
    registers_.Write(MmioTransport::kNotifyOffset, 0);
    return driver_.NextUsed().has_value();
  }

  std::unique_ptr<kvm::GuestMemory> memory_ = MakeMemory();
  Line line_;
  Interrupt interrupt_{line_};
  Rng rng_{*memory_, interrupt_};
  MmioTransport transport_{*memory_, rng_, interrupt_};
  DriverRegisters registers_{transport_};
  DriverQueue driver_{*memory_, 0x1000, Rng::kQueueSize};
};

TEST_F(MmioTest, Registers_AtStart_SayWhatIsThere) {
  EXPECT_EQ(registers_.Read(0x000), 0x74726976u);
  EXPECT_EQ(registers_.Read(0x004), 2u);
  EXPECT_EQ(registers_.Read(0x008), 4u);
  EXPECT_NE(registers_.Read(0x00c), 0u);
  EXPECT_EQ(registers_.Read(0x034), Rng::kQueueSize);
  EXPECT_EQ(registers_.Read(0x044), 0u);
  EXPECT_EQ(registers_.Read(0x060), 0u);
  EXPECT_EQ(registers_.Read(kStatus), 0u);
  EXPECT_EQ(registers_.Read(0x0fc), 0u);
}

TEST_F(MmioTest, SharedMemory_AnyRegion_IsNone) {
  for (uint32_t region : {0u, 1u, 0xffffffffu}) {
    registers_.Write(0x0ac, region);
    for (uint64_t offset : {0x0b0, 0x0b4, 0x0b8, 0x0bc})
      EXPECT_EQ(registers_.Read(offset), 0xffffffffu);
  }
}

TEST_F(MmioTest, DeviceFeatures_BySelector_HaveVersion1) {
  EXPECT_EQ(registers_.Read(0x010), kRingIndirectDescriptors | kRingEventIndex);
  registers_.Write(0x014, 1);
  EXPECT_EQ(registers_.Read(0x010), 1u);
  for (uint32_t selector : {2u, 31u, 0xffffffffu}) {
    registers_.Write(0x014, selector);
    EXPECT_EQ(registers_.Read(0x010), 0u);
  }
}

TEST_F(MmioTest, FeaturesOk_WithoutVersion1_IsRefused) {
  registers_.Negotiate(kRingEventIndex);
  EXPECT_EQ(registers_.Read(kStatus), 3u);
}

TEST_F(MmioTest, FeaturesOk_FeatureThatWasNotOffered_IsRefused) {
  registers_.Negotiate(kTransportFeatures | Feature(33));
  EXPECT_EQ(registers_.Read(kStatus), 3u);
  registers_.Negotiate(kTransportFeatures | Feature(0));
  EXPECT_EQ(registers_.Read(kStatus), 3u);
}

TEST_F(MmioTest, FeaturesOk_BeforeDriver_IsRefused) {
  registers_.Write(0x024, 1);
  registers_.Write(0x020, 1);
  registers_.Write(kStatus, 8);
  EXPECT_EQ(registers_.Read(kStatus), 0u);
}

TEST_F(MmioTest, DriverFeatures_AfterFeaturesOk_DoNotChange) {
  registers_.Negotiate(kVersion1);
  registers_.Write(0x024, 0);
  registers_.Write(0x020, 0xffffffff);
  EXPECT_EQ(transport_.Save().driver_features, kVersion1);
}

TEST_F(MmioTest, DriverOk_BeforeFeaturesOk_IsRefused) {
  registers_.Write(kStatus, 1);
  registers_.Write(kStatus, 3);
  registers_.SetQueue(0, driver_.config());
  registers_.Write(kStatus, 7);
  EXPECT_EQ(registers_.Read(kStatus), 3u);
  EXPECT_FALSE(Serves());
}

TEST_F(MmioTest, Status_BitsAreNotTakenBack) {
  Start();
  registers_.Write(kStatus, 1);
  EXPECT_EQ(registers_.Read(kStatus), 15u);
  registers_.Write(kStatus, 128);
  EXPECT_EQ(registers_.Read(kStatus), 143u);
}

TEST_F(MmioTest, Started_ServesAndInterrupts) {
  Start();
  EXPECT_TRUE(Serves());
  EXPECT_EQ(line_.count(), 1);
  EXPECT_EQ(registers_.Read(0x060), Interrupt::kUsedBuffer);
  registers_.Write(0x064, Interrupt::kConfigChange);
  EXPECT_EQ(registers_.Read(0x060), Interrupt::kUsedBuffer);
  registers_.Write(0x064, Interrupt::kUsedBuffer);
  EXPECT_EQ(registers_.Read(0x060), 0u);
}

TEST_F(MmioTest, Notify_BeforeSetupOrOfNoQueue_IsNothing) {
  EXPECT_FALSE(Serves());
  for (uint32_t index : {0u, 1u, 0xffffu, 0xffffffffu})
    registers_.Write(MmioTransport::kNotifyOffset, index);
  EXPECT_EQ(line_.count(), 0);
}

TEST_F(MmioTest, QueueRegisters_AfterDriverOk_AreFrozen) {
  Start();
  registers_.Write(0x030, 0);
  registers_.Write(0x044, 0);
  EXPECT_EQ(registers_.Read(0x044), 1u);
  registers_.Write(0x038, 0xffffffff);
  for (uint64_t offset : {0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4})
    registers_.Write(offset, 0xffffffff);
  EXPECT_TRUE(Serves());
  EXPECT_EQ(transport_.Save().queues[0].size, Rng::kQueueSize);
  EXPECT_EQ(transport_.Save().queues[0].device, driver_.config().device);
}

TEST_F(MmioTest, QueueSelect_NoSuchQueue_HasNoRegisters) {
  registers_.Negotiate(kTransportFeatures);
  for (uint32_t index : {1u, 0x10000u, 0xffffffffu}) {
    registers_.SetQueue(index, driver_.config());
    EXPECT_EQ(registers_.Read(0x034), 0u);
    EXPECT_EQ(registers_.Read(0x044), 0u);
  }
}

TEST_F(MmioTest, DriverOk_QueueThatCannotBe_NeedsReset) {
  QueueConfig config = driver_.config();
  config.driver = kMemorySize;
  std::string told;
  interrupt_.TellFailures([&told](const Error& reason, uint32_t) { told = reason.message(); });
  registers_.Negotiate(kTransportFeatures);
  registers_.SetQueue(0, config);
  registers_.DriverOk();
  EXPECT_EQ(registers_.Read(kStatus), 15u | kNeedsReset);
  EXPECT_EQ(registers_.Read(0x060), Interrupt::kConfigChange);
  EXPECT_EQ(line_.count(), 1);
  EXPECT_EQ(told, "the driver sets up a queue outside of memory");
}

TEST_F(MmioTest, DriverOk_SizeThatWrapsIn16Bits_NeedsReset) {
  registers_.Negotiate(kTransportFeatures);
  registers_.SetQueue(0, driver_.config());
  registers_.Write(0x044, 0);
  registers_.Write(0x038, 0x10000 + Rng::kQueueSize);
  registers_.Write(0x044, 1);
  registers_.DriverOk();
  EXPECT_NE(registers_.Read(kStatus) & kNeedsReset, 0u);
}

TEST_F(MmioTest, BrokenRing_NeedsResetUntilReset) {
  Start();
  driver_.SetAvailableIndex(1000);
  registers_.Write(MmioTransport::kNotifyOffset, 0);
  EXPECT_EQ(registers_.Read(kStatus), 15u | kNeedsReset);
  EXPECT_EQ(registers_.Read(0x060), Interrupt::kConfigChange);
  registers_.Write(kStatus, 0);
  EXPECT_EQ(registers_.Read(kStatus), 0u);
  EXPECT_EQ(registers_.Read(0x060), 0u);
  Put(*memory_, 0x1000, Bytes(4096));
  driver_ = DriverQueue(*memory_, 0x1000, Rng::kQueueSize);
  Start();
  EXPECT_TRUE(Serves());
}

TEST_F(MmioTest, Reset_ForgetsEverything) {
  Start();
  EXPECT_TRUE(Serves());
  registers_.Write(0x014, 1);
  registers_.Write(kStatus, 0);
  EXPECT_EQ(registers_.Read(kStatus), 0u);
  EXPECT_EQ(registers_.Read(0x060), 0u);
  EXPECT_EQ(registers_.Read(0x044), 0u);
  EXPECT_EQ(transport_.Save().driver_features, 0u);
  EXPECT_EQ(transport_.Save().queues[0].descriptors, 0u);
  EXPECT_EQ(transport_.Save().device_features_select, 0u);
  EXPECT_FALSE(Serves());
}

TEST_F(MmioTest, Access_OfWrongWidthOrMisaligned_IsNothing) {
  Bytes data(8);
  for (size_t size : {1u, 2u, 3u, 8u}) {
    std::span<uint8_t> part = std::span(data).first(size);
    transport_.Read(0x000, part);
    EXPECT_EQ(data, Bytes(8));
    Bytes one(size, 1);
    transport_.Write(kStatus, one);
    EXPECT_EQ(registers_.Read(kStatus), 0u);
  }
  transport_.Read(0x002, std::span(data).first(4));
  transport_.Read(0x0fe, std::span(data).first(4));
  EXPECT_EQ(data, Bytes(8));
  Bytes notify(2, 0);
  transport_.Write(MmioTransport::kNotifyOffset, notify);
}

TEST_F(MmioTest, Registers_ThatAreNone_ReadZero) {
  for (uint64_t offset : {0x018, 0x03c, 0x0c0, 0x0f8}) {
    registers_.Write(offset, 0xffffffff);
    EXPECT_EQ(registers_.Read(offset), 0u);
  }
}

TEST_F(MmioTest, Save_Restore_GoesOnWhereItWas) {
  Start();
  EXPECT_TRUE(Serves());
  MmioState state = transport_.Save();
  RngState rng_state = rng_.Save();
  registers_.Write(kStatus, 0);

  Line line;
  Interrupt interrupt(line);
  Rng rng(*memory_, interrupt);
  MmioTransport transport(*memory_, rng, interrupt);
  DriverRegisters registers(transport);
  ASSERT_TRUE(transport.Restore(state).ok());
  ASSERT_TRUE(rng.Restore(rng_state).ok());
  EXPECT_EQ(registers.Read(kStatus), 15u);
  EXPECT_EQ(registers.Read(0x060), Interrupt::kUsedBuffer);
  EXPECT_EQ(line.count(), 1);  // what was pending
  driver_.SetUsedEvent(1);
  driver_.Add({{kBuffers, 64, true}});
  registers.Write(MmioTransport::kNotifyOffset, 0);
  EXPECT_TRUE(driver_.NextUsed());
  EXPECT_EQ(line.count(), 2);
}

TEST_F(MmioTest, Restore_StateOfAnotherDevice_IsRefused) {
  MmioState state = transport_.Save();
  state.queues.resize(2);
  EXPECT_FALSE(transport_.Restore(state).ok());
  state.queues.resize(1);
  state.status = 0x10;
  EXPECT_FALSE(transport_.Restore(state).ok());
  state.status = 15;
  state.driver_features = Feature(40);
  EXPECT_FALSE(transport_.Restore(state).ok());
}

}  // namespace
}  // namespace boxlite::virtio
