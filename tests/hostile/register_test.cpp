// Hostile use of a device's registers, by a guest's own accesses: queues set up where none can be,
// changed once they are in use, kicked out of turn, reset in the middle; accesses of every width.
#include <gtest/gtest.h>

#include "hostile/bench.h"
#include "kvm/layout.h"
#include "virtio/queue_state.h"

namespace boxlite::hostile_test {
namespace {

using virtio::QueueConfig;

class HostileDevice : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override {
    auto created = Bench::Create();
    ASSERT_TRUE(created.ok()) << created.error().message();
    bench_ = created.TakeValue();
    driver_.emplace(*bench_, GetParam());
  }
  void TearDown() override { EXPECT_EQ(bench_->machine().Trespass(), std::nullopt); }

  uint64_t At(uint64_t offset) const { return driver_->guest().base() + offset; }
  virtio::DriverRegisters& registers() { return driver_->registers(); }

  std::unique_ptr<Bench> bench_;
  mutable std::optional<Driver> driver_;
};

struct QueueFault {
  const char* name;
  void (*spoil)(QueueConfig& config);
};
constexpr QueueFault kImpossible[] = {
    {"size 0", [](QueueConfig& config) { config.size = 0; }},
    {"size 3", [](QueueConfig& config) { config.size = 3; }},
    {"more than there is", [](QueueConfig& config) { config.size = 512; }},
    {"size 32768", [](QueueConfig& config) { config.size = 32768; }},
    {"descriptors misaligned", [](QueueConfig& config) { config.descriptors += 8; }},
    {"driver area misaligned", [](QueueConfig& config) { config.driver += 1; }},
    {"device area misaligned", [](QueueConfig& config) { config.device += 2; }},
    {"descriptors in the gap", [](QueueConfig& config) { config.descriptors = kvm::kGapStart; }},
    {"descriptors into the gap",
     [](QueueConfig& config) { config.descriptors = kvm::kGapStart - 16; }},
    {"descriptors wrap", [](QueueConfig& config) { config.descriptors = ~uint64_t{15}; }},
    {"driver area past memory", [](QueueConfig& config) { config.driver = kMemoryEnd; }},
    {"driver area wraps", [](QueueConfig& config) { config.driver = ~uint64_t{1}; }},
    {"device area on registers", [](QueueConfig& config) { config.device = kvm::kMmioStart; }},
    {"device area across the end", [](QueueConfig& config) { config.device = kMemoryEnd - 4; }},
    {"device area wraps", [](QueueConfig& config) { config.device = ~uint64_t{3}; }},
};

TEST_P(HostileDevice, QueueThatCannotBe_NeedsReset) {
  for (const QueueFault& fault : kImpossible) {
    SCOPED_TRACE(fault.name);
    driver_->Introduce();
    QueueConfig config = driver_->queue().config();
    fault.spoil(config);
    registers().Write(kQueueSelect, GetParam().queue);
    registers().Write(kQueueReady, 0);
    registers().SetQueue(GetParam().queue, config);
    registers().DriverOk();
    EXPECT_TRUE(driver_->Fails());
    driver_->Kick(GetParam().queue);
    bench_->Settle();
  }
  EXPECT_TRUE(driver_->Works());
}

TEST_P(HostileDevice, QueueReadyWithoutAnything_NeedsReset) {
  registers().Negotiate(virtio::kVersion1);
  registers().Write(kQueueSelect, GetParam().queue);
  registers().Write(kQueueReady, 1);
  registers().DriverOk();
  EXPECT_TRUE(driver_->Fails());
  EXPECT_TRUE(driver_->Works());
}

TEST_P(HostileDevice, KicksBeforeSetup_AreNothing) {
  registers().Write(kStatus, 0);
  for (uint32_t queue = 0; queue < 6; ++queue) driver_->Kick(queue);
  driver_->Introduce();
  for (uint32_t queue = 0; queue < 6; ++queue) driver_->Kick(queue);
  bench_->Settle();
  EXPECT_EQ(driver_->Status(), kAllOk & ~4u);
  EXPECT_TRUE(driver_->Works());
}

TEST_P(HostileDevice, KicksOfNoQueue_AreNothing) {
  driver_->Start();
  for (uint32_t queue : {6u, 0xffu, 0xffffu, 0x10000u, 0x80000000u, 0xffffffffu})
    driver_->Kick(queue);
  bench_->machine().Run({{Op::kWrite8, 0, At(kNotify), 0, 0},
                         {Op::kWrite16, 0, At(kNotify), 0, 0},
                         {Op::kWrite64, 0, At(kNotify), 0, 0},
                         {Op::kWrite32, 0, At(kNotify + 2), 0, 0}});
  bench_->Settle();
  EXPECT_EQ(driver_->Status(), kAllOk);
  EXPECT_TRUE(driver_->Works());
}

TEST_P(HostileDevice, KicksWithoutEnd_AreSurvived) {
  driver_->Start();
  bench_->machine().Run({{Op::kWriteMany, 0, At(kNotify), GetParam().queue, 5000}});
  bench_->Settle();
  EXPECT_EQ(driver_->Status(), kAllOk);
  EXPECT_TRUE(driver_->Works());
}

TEST_P(HostileDevice, QueueRegistersInUse_AreFrozen) {
  driver_->Start();
  registers().Write(kQueueSelect, GetParam().queue);
  registers().Write(kQueueReady, 0);
  EXPECT_EQ(registers().Read(kQueueReady), 1u);
  registers().Write(0x38, 0xffffffff);
  for (uint64_t offset : {0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4})
    registers().Write(offset, 0xfffffff0);
  // What it does now it does with the rings that it was given.
  driver_->queue().MakeAvailable(GetParam().size);
  driver_->Provoke();
  EXPECT_TRUE(driver_->Fails());
  EXPECT_TRUE(driver_->Works());
}

TEST_P(HostileDevice, Accesses_OfNoRegistersWidth_AreNothing) {
  driver_->Start();
  Script script;
  for (uint64_t offset = 0; offset < kConfig; ++offset) {
    for (Op op : {Op::kRead8, Op::kRead16, Op::kRead64, Op::kWrite8, Op::kWrite16, Op::kWrite64})
      script.push_back({op, 0, At(offset), 0, 0});
    if (offset % 4 == 0) continue;
    script.push_back({Op::kRead32, 0, At(offset), 0, 0});
    script.push_back({Op::kWrite32, 0, At(offset), 0, 0});
  }
  for (const Step& step : bench_->machine().Run(script))
    EXPECT_EQ(step.result, 0u) << std::hex << step.address - At(0);
  EXPECT_EQ(driver_->Status(), kAllOk);
  EXPECT_TRUE(driver_->Works());
}

TEST_P(HostileDevice, Configuration_IsNotTheDriversToChange) {
  Script reads, writes;
  for (uint64_t offset = kConfig; offset <= kvm::kMmioSize - 8; offset += 8 + offset / 64)
    for (Op op : {Op::kRead8, Op::kRead16, Op::kRead32, Op::kRead64}) {
      reads.push_back({op, 0, At(offset), 0, 0});
      auto write = static_cast<Op>(static_cast<uint32_t>(op) + 4);
      writes.push_back({write, 0, At(offset), ~uint64_t{0}, 0});
    }
  driver_->Start();
  Script before = bench_->machine().Run(reads);
  bench_->machine().Run(writes);
  Script after = bench_->machine().Run(reads);
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(after[i].result, before[i].result);
  EXPECT_EQ(driver_->Status(), kAllOk);
  EXPECT_TRUE(driver_->Works());
}

TEST_P(HostileDevice, UsedRingOnItsDescriptors_IsTheDriversOwnLoss) {
  driver_->Introduce();
  QueueConfig config = driver_->queue().config();
  config.device = config.descriptors;
  registers().Write(kQueueSelect, GetParam().queue);
  registers().Write(kQueueReady, 0);
  registers().SetQueue(GetParam().queue, config);
  registers().DriverOk();
  EXPECT_EQ(driver_->Status(), kAllOk);
  for (uint16_t i = 0; i < GetParam().size; ++i) driver_->queue().MakeAvailable(i);
  driver_->Provoke();
  EXPECT_TRUE(driver_->Works());
}

TEST_P(HostileDevice, ResetWithRequestsInFlight_TouchesNothingAfterwards) {
  driver_->Start();
  uint16_t flags = GetParam().writable ? virtio::kWritable : 0;
  Bytes mark(64 * 1024, 0x5a);
  for (uint16_t i = 0; i < GetParam().size; ++i) {
    driver_->queue().SetDescriptor(i, kBuffers + 512u * i, 512, flags);
    driver_->queue().MakeAvailable(i);
  }
  bench_->machine().Run(
      {{Op::kWrite32, 0, At(kNotify), GetParam().queue, 0}, {Op::kWrite32, 0, At(kStatus), 0, 0}});
  EXPECT_TRUE(bench_->memory().Write(kBuffers, mark));
  bench_->Settle();
  EXPECT_EQ(virtio::Get(bench_->memory(), kBuffers, mark.size()), mark);
  EXPECT_EQ(driver_->Status(), 0u);
  EXPECT_TRUE(driver_->Works());
}

// The guest turns a descriptor's address from one in memory to one outside and back, as fast as it
// can, while the device is kicked: whichever it read, that is what it checked.
TEST_P(HostileDevice, DescriptorThatChangesMeanwhile_IsReadOnce) {
  driver_->Start();
  uint16_t flags = GetParam().writable ? virtio::kWritable : 0;
  for (uint16_t i = 0; i < GetParam().size; ++i) {
    driver_->queue().SetDescriptor(i, kBuffers, 64, flags);
    driver_->queue().MakeAvailable(0);
  }
  bench_->machine().Run(
      {{Op::kWrite32, 0, At(kNotify), GetParam().queue, 0},
       {Op::kFlipMany, 0, driver_->queue().config().descriptors, uint64_t{0xc} << 28, 200'001}});
  driver_->Provoke();
  EXPECT_TRUE(driver_->Works());
}

INSTANTIATE_TEST_SUITE_P(All, HostileDevice, testing::ValuesIn(kTargets),
                         [](const testing::TestParamInfo<Target>& target) {
                           return std::string(target.param.name);
                         });

}  // namespace
}  // namespace boxlite::hostile_test
