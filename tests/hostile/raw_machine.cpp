#include "hostile/raw_machine.h"

#include <gtest/gtest.h>
#include <linux/kvm.h>

#include "base/sys.h"
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

Result<std::unique_ptr<RawMachine>> RawMachine::Create(uint32_t cpus) {
  std::unique_ptr<RawMachine> machine(new RawMachine(cpus));
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
  for (uint32_t index = 0; index < cpus_.size(); ++index) BOXLITE_TRY(AddCpu(index));
  for (const Place& place : kForbidden)
    if (!memory_->Write(place.address, PatternOf(place)))
      return Error(Code::kInternal, "the pattern does not fit into memory");
  return PutRawGuest(*memory_);
}

Result<void> RawMachine::AddCpu(uint32_t index) {
  auto count = static_cast<uint32_t>(cpus_.size());
  Cpu& cpu = cpus_[index];
  BOXLITE_TRY(ports_.Add(kTurnstilePort + uint64_t{index}, 1, cpu.turnstile));
  cpu.vcpu = BOXLITE_TRY(kvm::Vcpu::Create(*host_, *vm_, index, {ports_, registers_}));
  int fd = cpu.vcpu->fd();
  BOXLITE_TRY(kvm::SetUpVcpu(host_->fd(), fd, index, count));
  // One that is not the first waits to be started by another's APIC, which is not the point here.
  kvm_mp_state runs{KVM_MP_STATE_RUNNABLE};
  BOXLITE_TRY(sys::Ioctl(fd, KVM_SET_MP_STATE, &runs, "/dev/kvm: start a processor"));
  return kvm::SetBootRegisters(fd, *memory_, {kvm::BootMode::kLong64, EntryOf(index), 0});
}

RawMachine::~RawMachine() {
  Leave();
}

Result<void> RawMachine::Start() {
  for (uint32_t index = 0; index < cpus_.size(); ++index) BOXLITE_TRY(StartCpu(index));
  gate_.Open();
  for (Cpu& cpu : cpus_)
    if (!cpu.turnstile.WaitUntilBack(kPatience))
      return Error(Code::kTimeout, "the raw guest does not come up");
  return {};
}

Result<void> RawMachine::StartCpu(uint32_t index) {
  kvm::VcpuEvents events;
  events.on_thread = [] {};
  events.on_end = [this, index](kvm::VcpuEnd end) {
    std::lock_guard lock(mutex_);
    cpus_[index].end = std::move(end);
    ended_.notify_all();
  };
  return cpus_[index].vcpu->Start(gate_, std::move(events));
}

Script RawMachine::Run(const Script& script, uint32_t cpu) {
  Begin(script, cpu);
  return Finish(cpu);
}

void RawMachine::Begin(const Script& script, uint32_t cpu) {
  Result<void> put = PutScript(*memory_, script, cpu);
  ASSERT_TRUE(put.ok()) << put.error().message();
  cpus_[cpu].steps = script.size();
  cpus_[cpu].turnstile.LetThrough();
}

Script RawMachine::Finish(uint32_t cpu) {
  size_t steps = cpus_[cpu].steps;
  bool back = IsBack(kPatience, cpu);
  EXPECT_TRUE(back) << "the raw guest does not come back";
  // Steps that did nothing, so that who reads a result has one.
  return back ? TakeScript(*memory_, steps, cpu) : Script(steps);
}

bool RawMachine::FinishOrEnd(uint32_t cpu) {
  constexpr std::chrono::milliseconds kLook{50};
  auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (IsBack(kLook, cpu)) return true;
    std::lock_guard lock(mutex_);
    if (cpus_[cpu].end) return false;
  }
  ADD_FAILURE() << "the raw guest neither comes back nor ends";
  return false;
}

bool RawMachine::IsBack(std::chrono::milliseconds limit, uint32_t cpu) {
  return cpus_[cpu].turnstile.WaitUntilBack(limit);
}

bool RawMachine::Leave() {
  gate_.Close();
  bool left = true;
  for (Cpu& cpu : cpus_) {
    if (!cpu.vcpu) continue;
    // First, so that a guest that is let through does not begin its last script once more.
    cpu.vcpu->Kick();
    cpu.turnstile.Open();
    left = cpu.vcpu->Join(static_cast<uint32_t>(kPatience.count())) && left;
  }
  return left;
}

std::optional<kvm::VcpuEnd> RawMachine::WaitForEnd() {
  std::unique_lock lock(mutex_);
  const std::optional<kvm::VcpuEnd>& end = cpus_.front().end;
  bool ended = ended_.wait_for(lock, kPatience, [&end] { return end.has_value(); });
  EXPECT_TRUE(ended) << "the vCPU goes on";
  return end;
}

std::optional<uint64_t> RawMachine::Trespass(uint64_t from) const {
  for (const Place& place : kForbidden) {
    if (place.address < from) continue;
    Bytes expected = PatternOf(place);
    Bytes found(place.size);
    if (!memory_->Read(place.address, found)) return place.address;
    for (size_t i = 0; i < found.size(); ++i)
      if (found[i] != expected[i]) return place.address + i;
  }
  return std::nullopt;
}

}  // namespace boxlite::hostile_test
