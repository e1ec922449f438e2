// A hostile guest and its processor: ports and addresses where nothing is, registers that it must
// not have, ways to end, and ways not to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "hostile/raw_machine.h"
#include "kvm/layout.h"
#include "kvm/reset_port.h"
#include "kvm/serial_port.h"

namespace boxlite::hostile_test {
namespace {

using testing::HasSubstr;

class RawMachineTest : public testing::Test {
 protected:
  void SetUp() override {
    auto created = RawMachine::Create();
    ASSERT_TRUE(created.ok()) << created.error().message();
    machine_ = created.TakeValue();
  }
  void TearDown() override {
    EXPECT_TRUE(machine_->Leave());
    EXPECT_EQ(machine_->Trespass(), std::nullopt);
  }
  void Start() {
    Result<void> started = machine_->Start();
    ASSERT_TRUE(started.ok()) << started.error().message();
  }
  void ExpectEnd(kvm::VcpuEndKind kind, const std::string& words) {
    std::optional<kvm::VcpuEnd> end = machine_->WaitForEnd();
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->kind, kind);
    EXPECT_THAT(end->detail, HasSubstr(words));
  }

  std::unique_ptr<RawMachine> machine_;
};

// Counts what the guest writes.
class Counter : public kvm::BusDevice {
 public:
  void Read(uint64_t, std::span<uint8_t>) override {}
  void Write(uint64_t, ByteSpan) override { ++writes; }
  std::atomic<int> writes = 0;
};
constexpr uint16_t kCounterPort = 0x520;

TEST_F(RawMachineTest, Memory_IsReadAndWritten) {
  Start();
  constexpr uint64_t kValue = 0x1122334455667788;
  for (uint64_t address : {2 * kMib, kvm::kGapEnd + kMib}) {
    Script done = machine_->Run({{Op::kWrite64, 0, address, kValue, 0},
                                 {Op::kRead64, 0, address, 0, 0},
                                 {Op::kRead32, 0, address, 0, 0},
                                 {Op::kRead16, 0, address, 0, 0},
                                 {Op::kRead8, 0, address, 0, 0}});
    EXPECT_EQ(done[1].result, kValue);
    EXPECT_EQ(done[2].result, kValue & 0xffffffff);
    EXPECT_EQ(done[3].result, kValue & 0xffff);
    EXPECT_EQ(done[4].result, kValue & 0xff);
    EXPECT_EQ(machine_->memory().Load<uint64_t>(address), kValue);
  }
}

TEST_F(RawMachineTest, Memory_WhereNothingIs_ReadsAllOnes) {
  Start();
  for (uint64_t address : {kvm::kGapStart, kvm::kMmioStart, kvm::kMmioStart + 0x7f8,
                           kvm::kGapEnd - 8, kMemoryEnd, kMemoryEnd + 256 * kMib}) {
    Script done = machine_->Run({{Op::kWrite64, 0, address, 0, 0},
                                 {Op::kWrite8, 0, address, 0, 0},
                                 {Op::kRead8, 0, address, 0, 0},
                                 {Op::kRead16, 0, address, 0, 0},
                                 {Op::kRead32, 0, address, 0, 0},
                                 {Op::kRead64, 0, address, 0, 0}});
    EXPECT_EQ(done[2].result, 0xffu) << std::hex << address;
    EXPECT_EQ(done[3].result, 0xffffu) << std::hex << address;
    EXPECT_EQ(done[4].result, 0xffffffffu) << std::hex << address;
    EXPECT_EQ(done[5].result, ~uint64_t{0}) << std::hex << address;
  }
}

TEST_F(RawMachineTest, Memory_AccessAcrossItsEnd_IsHalfOfIt) {
  Start();
  constexpr uint64_t kTail = 0x5566778855667788;
  constexpr uint64_t kEnds[] = {kvm::kGapStart, kMemoryEnd};
  for (uint64_t end : kEnds) {
    uint64_t before = *machine_->memory().Load<uint64_t>(end - 8);
    Script done = machine_->Run({{Op::kWrite64, 0, end - 8, kTail, 0},
                                 {Op::kRead64, 0, end - 4, 0, 0},
                                 {Op::kWrite64, 0, end - 4, kTail >> 32, 0},
                                 {Op::kRead64, 0, end - 8, 0, 0},
                                 {Op::kWrite64, 0, end - 8, before, 0}});
    EXPECT_EQ(done[1].result, 0xffffffff55667788);
    EXPECT_EQ(done[3].result, kTail);
  }
}

TEST_F(RawMachineTest, Ports_WhereNothingIs_ReadAllOnes) {
  Start();
  Script script;
  for (uint64_t port : {0x00, 0x60, 0x80, 0x3f0, 0xcf8, 0xcfc, 0x1000, 0xfff0, 0xfffc}) {
    script.push_back({Op::kOut32, 0, port, 0, 0});
    script.push_back({Op::kOut8, 0, port, 0, 0});
    script.push_back({Op::kIn8, 0, port, 0, 0});
    script.push_back({Op::kIn16, 0, port, 0, 0});
    script.push_back({Op::kIn32, 0, port, 0, 0});
  }
  Script done = machine_->Run(script);
  for (size_t i = 0; i < done.size(); i += 5) {
    EXPECT_EQ(done[i + 2].result, 0xffu) << std::hex << done[i].address;
    EXPECT_EQ(done[i + 3].result, 0xffffu) << std::hex << done[i].address;
    EXPECT_EQ(done[i + 4].result, 0xffffffffu) << std::hex << done[i].address;
  }
}

TEST_F(RawMachineTest, Ports_AccessAcrossADevicesEnd_IsNone) {
  Counter counter;
  ASSERT_TRUE(machine_->ports().Add(kCounterPort, 2, counter).ok());
  Start();
  Script done = machine_->Run({{Op::kOut32, 0, kCounterPort, 0, 0},
                               {Op::kOut16, 0, kCounterPort + 1, 0, 0},
                               {Op::kOut16, 0, kCounterPort - 1, 0, 0},
                               {Op::kIn32, 0, kCounterPort, 0, 0},
                               {Op::kOut16, 0, kCounterPort, 0, 0}});
  EXPECT_EQ(done[3].result, 0xffffffffu);
  EXPECT_EQ(counter.writes, 1);
}

TEST_F(RawMachineTest, Ports_All_AreHarmless) {
  std::atomic<int> resets = 0;
  kvm::ResetPort reset([&resets] { ++resets; });
  kvm::SerialPort serial(machine_->interrupts().line(kvm::kSerialInterrupt), [](uint8_t) {});
  ASSERT_TRUE(machine_->ports().Add(kvm::kResetPort, kvm::kResetPortSize, reset).ok());
  ASSERT_TRUE(machine_->ports().Add(kvm::kSerialPort, kvm::kSerialPortSize, serial).ok());
  Start();
  constexpr uint64_t kAtOnce = 1024;
  for (uint64_t first = 0; first < 0x10000; first += kAtOnce) {
    Script script;
    for (uint64_t port = first; port < first + kAtOnce; ++port)
      script.push_back({port % 2 == 0 ? Op::kOut8 : Op::kOut32, 0, port, 0xfefefefe, 0});
    machine_->Run(script);
  }
  EXPECT_EQ(resets, 1);
}

// Registers that are none, all widths, entries that send every kind of interrupt to nobody, by a
// physical or a logical destination.
TEST_F(RawMachineTest, IoApic_TableOfNonsense_IsHarmless) {
  constexpr uint64_t kSelect = kvm::kIoApic, kWindow = kvm::kIoApic + 0x10;
  constexpr uint64_t kFirstEntry = 0x10, kMasked = 1 << 16;
  Start();
  for (uint64_t mode = 0; mode < 0x1000; mode += 0x3d) {
    Script script;
    for (uint64_t number = 0; number < 0x100; ++number) {
      script.push_back({Op::kWrite8, 0, kSelect, number, 0});
      script.push_back({number % 3 == 0 ? Op::kWrite64 : Op::kWrite32, 0, kWindow,
                        mode << 21 | mode | kMasked, 0});
      script.push_back({Op::kRead16, 0, kvm::kIoApic + number % kvm::kIoApicSize, 0, 0});
    }
    // This guest has no handlers: what reached it would be its end.
    for (uint64_t pin = 0; pin < kvm::kIoApicPins; ++pin) {
      script.push_back({Op::kWrite8, 0, kSelect, kFirstEntry + 2 * pin + 1, 0});
      script.push_back({Op::kWrite32, 0, kWindow, 0xfe00'0000, 0});  // nobody
      script.push_back({Op::kWrite8, 0, kSelect, kFirstEntry + 2 * pin, 0});
      script.push_back({Op::kWrite32, 0, kWindow, mode, 0});
    }
    machine_->Run(script);
    for (uint32_t pin = 0; pin < kvm::kIoApicPins; ++pin) machine_->interrupts().line(pin).Raise();
  }
  Script done = machine_->Run({{Op::kWrite8, 0, kSelect, 1, 0}, {Op::kRead32, 0, kWindow, 0, 0}});
  EXPECT_EQ(done[1].result, 0x11u | (kvm::kIoApicPins - 1) << 16);
}

TEST_F(RawMachineTest, VirtualizationRegisters_AreRefused) {
  constexpr uint64_t kExtended = 0xc000'0080, kSvmEnable = 1 << 12, kLongMode = 0x500;
  Start();
  Script script{{Op::kWriteModelRegister, 0, kExtended, kLongMode | kSvmEnable, 0}};
  // VMX's. Of SVM's KVM answers VM_CR, IGNNE and VM_HSAVE_PA, which mean nothing where EFER.SVME
  // cannot be set.
  for (uint64_t number : {0x3au, 0x480u, 0x481u, 0x48bu, 0x491u, 0x493u}) {
    script.push_back({Op::kReadModelRegister, 0, number, 0, 0});
    script.push_back({Op::kWriteModelRegister, 0, number, 0x1000, 0});
  }
  for (const Step& step : machine_->Run(script))
    EXPECT_EQ(step.fault, kGeneralProtection) << std::hex << step.address;
}

TEST_F(RawMachineTest, VirtualizationInstructions_AreUnknown) {
  Start();
  Script done = machine_->Run({{Op::kVmrun, 0, 0, 0x100000, 0}, {Op::kVmxon, 0, 0, 0, 0}});
  EXPECT_EQ(done[0].fault, kInvalidOpcode);
  EXPECT_EQ(done[1].fault, kInvalidOpcode);
}

TEST_F(RawMachineTest, OrdinaryRegister_IsStillThere) {
  constexpr uint64_t kSystemCallTarget = 0xc000'0082;
  Start();
  Script done = machine_->Run({{Op::kWriteModelRegister, 0, kSystemCallTarget, 0x1234, 0},
                               {Op::kReadModelRegister, 0, kSystemCallTarget, 0, 0}});
  EXPECT_EQ(done[0].fault, 0u);
  EXPECT_EQ(done[1].result, 0x1234u);
}

TEST_F(RawMachineTest, TripleFault_IsAResetThatSaysSo) {
  Start();
  machine_->Begin({{Op::kTripleFault}});
  ExpectEnd(kvm::VcpuEndKind::kReset, "triple fault");
}

TEST_F(RawMachineTest, HaltWithInterruptsOff_LeavesWhenAsked) {
  Counter counter;
  ASSERT_TRUE(machine_->ports().Add(kCounterPort, 1, counter).ok());
  Start();
  machine_->Begin(
      {{Op::kOut8, 0, kCounterPort, 0, 0}, {Op::kHalt}, {Op::kOut8, 0, kCounterPort, 0, 0}});
  ASSERT_TRUE(Eventually([&counter] { return counter.writes == 1; }));
  EXPECT_TRUE(machine_->Leave());
  ExpectEnd(kvm::VcpuEndKind::kLeft, "");
  EXPECT_EQ(counter.writes, 1);
}

TEST_F(RawMachineTest, EndlessLoop_LeavesWhenAsked) {
  Counter counter;
  ASSERT_TRUE(machine_->ports().Add(kCounterPort, 1, counter).ok());
  Start();
  machine_->Begin({{Op::kOut8, 0, kCounterPort, 0, 0}, {Op::kSpin}});
  ASSERT_TRUE(Eventually([&counter] { return counter.writes == 1; }));
  EXPECT_TRUE(machine_->Leave());
  ExpectEnd(kvm::VcpuEndKind::kLeft, "");
}

}  // namespace
}  // namespace boxlite::hostile_test
