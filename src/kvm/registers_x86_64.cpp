// How a vCPU stands before its first instruction.
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <vector>

#include "base/sys.h"
#include "kvm/boot_x86_64.h"
#include "kvm/cpuid_x86_64.h"
#include "kvm/layout.h"

namespace boxlite::kvm {
namespace {

// Control registers and EFER.
constexpr uint64_t kProtected = 1, kExtensionType = 1 << 4, kPaging = uint64_t{1} << 31;
constexpr uint64_t kPhysicalExtension = 1 << 5;
constexpr uint64_t kLongMode = 1 << 8, kLongModeActive = 1 << 10;
// A page-table entry: present, writable, and in the second level 2 MiB large.
constexpr uint64_t kPresent = 3, kLarge = 1 << 7;
constexpr uint64_t kLargePage = 2 * 1024 * 1024;
constexpr size_t kTableEntries = 512;

// Types of segments (Intel SDM volume 3A, 3.4.5).
constexpr uint8_t kCodeType = 0xb, kDataType = 0x3, kTaskType = 0xb;
constexpr uint16_t kCodeSelector = 0x10, kDataSelector = 0x18, kTaskSelector = 0x20;

// KVM's structures that end in a list of entries, kvm_cpuid2 and kvm_msrs. The kernel's header
// gives them another size in C++ than in C, and with it the requests other numbers.
template <typename Entry, size_t kCount>
struct List {
  static constexpr uint32_t kMax = kCount;
  uint32_t count = 0;
  uint32_t padding = 0;
  std::array<Entry, kCount> entries{};
};
constexpr size_t kListHead = 8;
using CpuidList = List<kvm_cpuid_entry2, 256>;
using MsrList = List<kvm_msr_entry, 4>;
static_assert(offsetof(CpuidList, entries) == kListHead && offsetof(MsrList, entries) == kListHead);

constexpr unsigned long kGetSupportedCpuid = _IOC(_IOC_READ | _IOC_WRITE, KVMIO, 0x05, kListHead);
constexpr unsigned long kSetMsrs = _IOC(_IOC_WRITE, KVMIO, 0x89, kListHead);
constexpr unsigned long kSetCpuid = _IOC(_IOC_WRITE, KVMIO, 0x90, kListHead);

kvm_segment Code(BootMode mode) {
  kvm_segment segment{};
  segment.limit = 0xffffffff;
  segment.selector = kCodeSelector;
  segment.type = kCodeType;
  segment.present = segment.s = segment.g = 1;
  if (mode == BootMode::kLong64) {
    segment.l = 1;
  } else {
    segment.db = 1;
  }
  return segment;
}

kvm_segment Data() {
  kvm_segment segment{};
  segment.limit = 0xffffffff;
  segment.selector = kDataSelector;
  segment.type = kDataType;
  segment.present = segment.s = segment.g = segment.db = 1;
  return segment;
}

kvm_segment Task() {
  kvm_segment segment{};
  segment.limit = 0x67;
  segment.selector = kTaskSelector;
  segment.type = kTaskType;
  segment.present = 1;
  return segment;
}

// The first GiB of physical memory at its own addresses.
Result<void> PutPageTables(GuestMemory& memory) {
  uint64_t second = kPageTables + kPageSize, third = second + kPageSize;
  bool put = memory.Store(kPageTables, second | kPresent) && memory.Store(second, third | kPresent);
  for (size_t i = 0; i < kTableEntries; ++i)
    put = put && memory.Store(third + i * sizeof(uint64_t), i * kLargePage | kPresent | kLarge);
  if (!put) return Error(Code::kInternal, "the first page tables do not fit into memory");
  return {};
}

// The descriptors that the segments above stand for, for a kernel that loads them once more.
Result<void> PutDescriptors(GuestMemory& memory, BootMode mode) {
  uint64_t code = mode == BootMode::kLong64 ? 0x00af'9b00'0000'ffff : 0x00cf'9b00'0000'ffff;
  const uint64_t table[] = {0, 0, code, 0x00cf'9300'0000'ffff, 0x0000'8b00'0000'0067, 0};
  for (size_t i = 0; i < std::size(table); ++i) {
    if (!memory.Store(kDescriptorTable + i * sizeof(uint64_t), table[i]))
      return Error(Code::kInternal, "the first descriptors do not fit into memory");
  }
  return {};
}

Result<void> SetSpecialRegisters(int vcpu, BootMode mode) {
  kvm_sregs special{};
  BOXLITE_TRY(sys::Ioctl(vcpu, KVM_GET_SREGS, &special, "/dev/kvm: read registers"));
  special.cs = Code(mode);
  special.ds = special.es = special.fs = special.gs = special.ss = Data();
  special.tr = Task();
  special.gdt = {kDescriptorTable, 6 * sizeof(uint64_t) - 1, {}};
  special.idt = {0, 0, {}};
  special.cr0 = kProtected | kExtensionType;
  if (mode == BootMode::kLong64) {
    special.cr0 |= kPaging;
    special.cr3 = kPageTables;
    special.cr4 = kPhysicalExtension;
    special.efer = kLongMode | kLongModeActive;
  }
  BOXLITE_TRY(sys::Ioctl(vcpu, KVM_SET_SREGS, &special, "/dev/kvm: set registers"));
  return {};
}

Result<void> SetCpuid(int kvm, int vcpu, CpuPlace place) {
  auto supported = std::make_unique<CpuidList>();
  supported->count = CpuidList::kMax;
  BOXLITE_TRY(sys::Ioctl(kvm, kGetSupportedCpuid, supported.get(), "/dev/kvm: its CPUID"));
  auto first = supported->entries.begin();
  std::vector<kvm_cpuid_entry2> entries =
      GuestCpuid({first, first + std::min(supported->count, CpuidList::kMax)}, place);
  if (entries.size() > CpuidList::kMax)
    return Error(Code::kUnsupported, "/dev/kvm: this processor has too many CPUID leaves");
  auto wanted = std::make_unique<CpuidList>();
  wanted->count = static_cast<uint32_t>(entries.size());
  std::copy(entries.begin(), entries.end(), wanted->entries.begin());
  BOXLITE_TRY(sys::Ioctl(vcpu, kSetCpuid, wanted.get(), "/dev/kvm: set the CPUID"));
  return {};
}

// String instructions at full speed: the kernel believes this register and not its CPUID.
Result<void> SetModelRegisters(int vcpu) {
  constexpr uint32_t kMiscEnable = 0x1a0;
  constexpr uint64_t kFastStrings = 1;
  MsrList list;
  list.count = 1;
  list.entries[0].index = kMiscEnable;
  list.entries[0].data = kFastStrings;
  // It answers how many it has set.
  int count = BOXLITE_TRY(sys::Ioctl(vcpu, kSetMsrs, &list, "/dev/kvm: set model registers"));
  if (count != 1) return Error(Code::kUnsupported, "/dev/kvm: it refuses IA32_MISC_ENABLE");
  return {};
}

// The APIC's two pins as a PC's firmware leaves them: the old controller's interrupts, and NMIs.
Result<void> SetApicPins(int vcpu) {
  constexpr size_t kPin0 = 0x350, kPin1 = 0x360;
  constexpr uint32_t kModeMask = 0x700, kNmi = 0x400, kExternal = 0x700;
  kvm_lapic_state apic{};
  BOXLITE_TRY(sys::Ioctl(vcpu, KVM_GET_LAPIC, &apic, "/dev/kvm: read the APIC"));
  auto set_mode = [&apic](size_t at, uint32_t mode) {
    uint32_t value = 0;
    std::memcpy(&value, apic.regs + at, sizeof value);
    value = (value & ~kModeMask) | mode;
    std::memcpy(apic.regs + at, &value, sizeof value);
  };
  set_mode(kPin0, kExternal);
  set_mode(kPin1, kNmi);
  BOXLITE_TRY(sys::Ioctl(vcpu, KVM_SET_LAPIC, &apic, "/dev/kvm: set the APIC"));
  return {};
}

}  // namespace

Result<void> SetBootRegisters(int vcpu, GuestMemory& memory, const BootEntry& entry) {
  if (entry.mode == BootMode::kLong64) BOXLITE_TRY(PutPageTables(memory));
  BOXLITE_TRY(PutDescriptors(memory, entry.mode));
  BOXLITE_TRY(SetSpecialRegisters(vcpu, entry.mode));
  constexpr uint64_t kAlwaysSet = 2;
  kvm_regs registers{};
  registers.rflags = kAlwaysSet;
  registers.rip = entry.address;
  registers.rbx = entry.argument;  // PVH
  registers.rsi = entry.argument;  // the 64-bit boot protocol
  BOXLITE_TRY(sys::Ioctl(vcpu, KVM_SET_REGS, &registers, "/dev/kvm: set registers"));
  return {};
}

Result<void> SetUpVcpu(int kvm, int vcpu, uint32_t index, uint32_t cpus) {
  BOXLITE_TRY(SetCpuid(kvm, vcpu, {index, cpus}));
  BOXLITE_TRY(SetModelRegisters(vcpu));
  return SetApicPins(vcpu);
}

}  // namespace boxlite::kvm
