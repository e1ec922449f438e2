// Two vCPUs at one device: each writes its registers, lays out its rings and kicks its queues as if
// the other were not there. Whoever comes first, every access ends, nothing outside is touched, and
// an ordinary driver afterwards gets a device that works.
#include "hostile/target_test.h"
#include "kvm/layout.h"

namespace boxlite::hostile_test {
namespace {

using virtio::QueueConfig;

constexpr uint64_t kQueueSize = 0x38, kAcknowledge = 0x64, kDescriptorsLow = 0x80,
                   kDescriptorsHigh = 0x84, kDeviceLow = 0xa0;
constexpr uint32_t kStarted = 15;
constexpr uint16_t kSmallest = 16;  // of a console's queues

// What a driver would do, as steps of a script.
class ScriptRegisters : public kvm::BusDevice {
 public:
  explicit ScriptRegisters(uint64_t base) : base_(base) {}
  void Read(uint64_t offset, std::span<uint8_t>) override {
    steps.push_back({Op::kRead32, 0, base_ + offset, 0, 0});
  }
  void Write(uint64_t offset, ByteSpan data) override {
    steps.push_back({Op::kWrite32, 0, base_ + offset, LoadLe<uint32_t>(data.data()), 0});
  }

  Script steps;

 private:
  const uint64_t base_;
};

// One turn of a vCPU; the same steps again and again make its script.
using Turn = void (*)(ScriptRegisters& device, const Target& target, const QueueConfig& queue);

size_t QueuesOf(const Target& target) {
  return target.slot == machine::Slot::kConsole ? 6 : 1;
}

// From a reset to a kick of every queue, over rings that are the same for both vCPUs.
void Starts(ScriptRegisters& device, const Target& target, const QueueConfig& queue) {
  virtio::DriverRegisters registers(device);
  // MULTIPORT of a console, SIZE_MAX of a disk.
  bool has_feature = target.slot != machine::Slot::kRng;
  registers.Negotiate(virtio::kTransportFeatures | (has_feature ? virtio::Feature(1) : 0));
  for (uint32_t index = 0; index < QueuesOf(target); ++index) {
    QueueConfig config = queue;
    if (index != target.queue) config.size = kSmallest;
    registers.SetQueue(index, config);
  }
  registers.DriverOk();
  for (uint32_t index = 0; index < QueuesOf(target); ++index) registers.Write(kNotify, index);
  registers.Write(kAcknowledge, registers.Read(kInterruptStatus));
}

void Resets(ScriptRegisters& device, const Target&, const QueueConfig&) {
  virtio::DriverRegisters registers(device);
  registers.Write(kStatus, 0);
  registers.Read(kStatus);
}

// Kicks, and moves the rings' contents and the available index meanwhile.
void KicksAndLaysOut(ScriptRegisters& device, const Target& target, const QueueConfig& queue) {
  virtio::DriverRegisters registers(device);
  registers.Write(kNotify, target.queue);
  auto flags = static_cast<uint64_t>(target.writable ? virtio::kWritable : 0);
  Script& steps = device.steps;
  steps.push_back({Op::kWrite64, 0, queue.descriptors, kBuffers, 0});
  steps.push_back({Op::kWrite64, 0, queue.descriptors + 8, flags << 32 | 64, 0});
  steps.push_back({Op::kWrite16, 0, queue.driver + 2, steps.size(), 0});
  registers.Write(kNotify, target.queue);
  steps.push_back({Op::kWrite64, 0, queue.descriptors, kvm::kMmioStart, 0});
}

// Registers one by one, out of turn and with nonsense in them.
void WritesNonsense(ScriptRegisters& device, const Target& target, const QueueConfig& queue) {
  virtio::DriverRegisters registers(device);
  registers.Write(kQueueSelect, target.queue);
  registers.Write(kQueueReady, 0);
  registers.Write(kQueueSize, queue.size);
  registers.Write(kDescriptorsLow, static_cast<uint32_t>(queue.descriptors));
  registers.Write(kQueueReady, 1);
  registers.Write(kStatus, kStarted);
  registers.Write(kQueueSelect, 0xffffffff);
  registers.Write(kQueueReady, 1);
  registers.Write(kQueueSelect, target.queue);
  registers.Write(kDescriptorsHigh, 0xffffffff);
  registers.Write(kDeviceLow, 3);
  registers.Read(kConfig);
}

struct Pair {
  const char* name;
  Turn first, second;
};
constexpr Pair kPairs[] = {
    {"StartsBoth", Starts, Starts},
    {"StartsAndResets", Starts, Resets},
    {"StartsAndKicks", Starts, KicksAndLaysOut},
    {"StartsAndNonsense", Starts, WritesNonsense},
};

class TwoVcpus : public TargetTest<Pair> {
 protected:
  // An area whose address the one vCPU was about to write when the other one reset the device is at
  // zero, and then the guest asked for it.
  void TearDown() override { ExpectNoTrespass(1); }

  void FillRing() {
    for (uint16_t i = 0; i < queue().config().size; ++i) {
      queue().SetDescriptor(i, kBuffers, 64, target_.writable ? virtio::kWritable : 0);
      queue().MakeAvailable(i);
    }
  }

  // Both at once, some times. Whether the guest is still there.
  bool Collide() {
    constexpr int kRounds = 3;
    FillRing();
    const QueueConfig config = queue().config();
    for (int round = 0; round < kRounds && !HasFailure(); ++round) {
      bench_->machine().Begin(ScriptOf(case_.first, config), 0);
      bench_->machine().Begin(ScriptOf(case_.second, config), 1);
      bool first = bench_->machine().FinishOrEnd(0);
      if (!bench_->machine().FinishOrEnd(1) || !first) return false;
    }
    return true;
  }

 private:
  // As many turns as a script holds.
  Script ScriptOf(Turn turn, const QueueConfig& queue) const {
    constexpr size_t kSteps = 1900;
    ScriptRegisters device(driver_->base());
    size_t longest = 0;
    for (size_t before = 0; before + longest <= kSteps; before = device.steps.size()) {
      turn(device, target_, queue);
      longest = std::max(longest, device.steps.size() - before);
    }
    device.steps.resize(std::min(device.steps.size(), kSteps));
    return device.steps;
  }
};

// QEMU, emulating several processors at once, now and then loses one of a guest's on its way out to
// the program (docs/rig.md). Then there is no driver any more that could tell whether the device
// works, and it is all done again.
TEST_P(TwoVcpus, AtOneDevice_LeaveItInOrder) {
  constexpr int kAttempts = 5;
  bool guest_lives = Collide();
  for (int attempt = 1; attempt < kAttempts && !guest_lives && !HasFailure(); ++attempt) {
    bench_->Settle();
    ExpectNoTrespass(1);
    Begin();
    guest_lives = Collide();
  }
  ASSERT_TRUE(guest_lives) << "the guest's processors end each time";
  bench_->Settle();
  EXPECT_TRUE(driver_->Works());
  EXPECT_TRUE(Driver(*bench_, target_, 1).Works());
}

INSTANTIATE_TEST_SUITE_P(All, TwoVcpus,
                         testing::Combine(testing::ValuesIn(kTargets), testing::ValuesIn(kPairs)),
                         NameOf<Pair>);

}  // namespace
}  // namespace boxlite::hostile_test
