#include "hostile/raw_machine.h"

#include <gtest/gtest.h>

#include "kvm/boot_x86_64.h"
#include "kvm/layout.h"

namespace boxlite::hostile_test {
namespace {

struct Place {
  uint64_t address = 0;
  uint64_t size = 0;
};

// Where an address that wrapped, or one that lost its upper half, would end up as well.
constexpr Place kForbidden[] = {
    {0, 0x500},
    {kGuestEnd, 0x8000},
    {8 * kMib, kMib},
    {kvm::kGapStart - kvm::kPageSize, kvm::kPageSize},
    {kvm::kGapEnd, kvm::kPageSize},
    {kMemoryEnd - kvm::kPageSize, kvm::kPageSize},
};

Bytes PatternOf(const Place& place) {
  Bytes bytes(place.size);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>((place.address + i) * 37 >> 3 | 1);
  return bytes;
}

}  // namespace

Result<std::unique_ptr<RawMachine>> RawMachine::Create() {
  std::unique_ptr<RawMachine> machine(new RawMachine);
  BOXLITE_TRY(machine->Build());
  return machine;
}

Result<void> RawMachine::Build() {
  BOXLITE_TRY(kvm::PrepareForKicks());
  host_ = BOXLITE_TRY(kvm::Host::Open());
  memory_ = BOXLITE_TRY(kvm::GuestMemory::Create(kvm::kGapStart + kHighMemory));
  vm_ = BOXLITE_TRY(kvm::Vm::Create(*host_, *memory_));
  interrupts_.emplace(
      [this](uint64_t address, uint32_t data) { vm_->SendInterrupt(address, data); });
  BOXLITE_TRY(registers_.Add(kvm::kIoApic, kvm::kIoApicSize, *interrupts_));
  BOXLITE_TRY(ports_.Add(kTurnstilePort, 1, turnstile_));
  vcpu_ = BOXLITE_TRY(kvm::Vcpu::Create(*host_, *vm_, 0, {ports_, registers_}));
  BOXLITE_TRY(kvm::SetUpVcpu(host_->fd(), vcpu_->fd(), 0, 1));
  BOXLITE_TRY(kvm::SetBootRegisters(vcpu_->fd(), *memory_, {kvm::BootMode::kLong64, kEntry, 0}));
  for (const Place& place : kForbidden)
    if (!memory_->Write(place.address, PatternOf(place)))
      return Error(Code::kInternal, "the pattern does not fit into memory");
  return PutRawGuest(*memory_);
}

RawMachine::~RawMachine() {
  Leave();
}

Result<void> RawMachine::Start() {
  kvm::VcpuEvents events;
  events.on_thread = [] {};
  events.on_end = [this](kvm::VcpuEnd end) {
    std::lock_guard lock(mutex_);
    end_ = std::move(end);
    ended_.notify_all();
  };
  BOXLITE_TRY(vcpu_->Start(gate_, std::move(events)));
  gate_.Open();
  if (!turnstile_.WaitUntilBack(kPatience))
    return Error(Code::kTimeout, "the raw guest does not come up");
  return {};
}

Script RawMachine::Run(const Script& script) {
  Begin(script);
  return Finish();
}

void RawMachine::Begin(const Script& script) {
  Result<void> put = PutScript(*memory_, script);
  ASSERT_TRUE(put.ok()) << put.error().message();
  steps_ = script.size();
  turnstile_.LetThrough();
}

Script RawMachine::Finish() {
  bool back = turnstile_.WaitUntilBack(kPatience);
  EXPECT_TRUE(back) << "the raw guest does not come back";
  // Steps that did nothing, so that who reads a result has one.
  return back ? TakeScript(*memory_, steps_) : Script(steps_);
}

bool RawMachine::Leave() {
  if (!vcpu_) return true;
  gate_.Close();
  // First, so that a guest that is let through does not begin its last script once more.
  vcpu_->Kick();
  turnstile_.Open();
  return vcpu_->Join(static_cast<uint32_t>(kPatience.count()));
}

std::optional<kvm::VcpuEnd> RawMachine::WaitForEnd() {
  std::unique_lock lock(mutex_);
  bool ended = ended_.wait_for(lock, kPatience, [this] { return end_.has_value(); });
  EXPECT_TRUE(ended) << "the vCPU goes on";
  return end_;
}

std::optional<uint64_t> RawMachine::Trespass() const {
  for (const Place& place : kForbidden) {
    Bytes expected = PatternOf(place);
    Bytes found(place.size);
    if (!memory_->Read(place.address, found)) return place.address;
    for (size_t i = 0; i < found.size(); ++i)
      if (found[i] != expected[i]) return place.address + i;
  }
  return std::nullopt;
}

}  // namespace boxlite::hostile_test
