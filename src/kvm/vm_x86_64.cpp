#include "kvm/vm_x86_64.h"

#include <linux/kvm.h>

#include <array>
#include <cstdint>

#include "base/sys.h"

namespace boxlite::kvm {
namespace {

// Four pages at the end of the 32-bit space that Intel's processors want for real mode; they are in
// the gap, where no memory and no device of ours is.
constexpr uint64_t kIdentityMap = 0xfffb'c000;
constexpr uint64_t kTaskState = 0xfffb'd000;

// Registers of virtualization itself. The guest has no VMX and no SVM by its CPUID, and KVM refuses
// their registers for that; this is the same said twice.
constexpr uint32_t kFeatureControl = 0x3a;  // IA32_FEATURE_CONTROL
constexpr uint32_t kVmxFirst = 0x480;       // IA32_VMX_BASIC to IA32_VMX_EXIT_CTLS2
constexpr uint32_t kVmxCount = 0x14;
constexpr uint32_t kSvmFirst = 0xc001'0114;  // VM_CR, IGNNE, SMM_CTL, VM_HSAVE_PA
constexpr uint32_t kSvmCount = 4;

// All bits zero: every register of the range is refused, the guest takes a general protection
// fault. KVM reads whole words of a bitmap.
using Bitmap = std::array<uint64_t, (kVmxCount + 63) / 64>;

kvm_msr_filter_range Refuse(uint32_t first, uint32_t count, Bitmap& nothing_allowed) {
  kvm_msr_filter_range range{};
  range.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE;
  range.base = first;
  range.nmsrs = count;
  range.bitmap = reinterpret_cast<uint8_t*>(nothing_allowed.data());
  return range;
}

Result<void> FilterRegisters(int vm) {
  auto there = sys::Ioctl(vm, KVM_CHECK_EXTENSION, uint64_t{KVM_CAP_X86_MSR_FILTER}, "/dev/kvm");
  if (!there.ok() || there.value() == 0) return {};  // Before Linux 5.10: once will have to do.
  Bitmap nothing_allowed{};
  kvm_msr_filter filter{};
  filter.flags = KVM_MSR_FILTER_DEFAULT_ALLOW;
  filter.ranges[0] = Refuse(kFeatureControl, 1, nothing_allowed);
  filter.ranges[1] = Refuse(kVmxFirst, kVmxCount, nothing_allowed);
  filter.ranges[2] = Refuse(kSvmFirst, kSvmCount, nothing_allowed);
  BOXLITE_TRY(sys::Ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter, "/dev/kvm: filter registers"));
  return {};
}

}  // namespace

Result<void> PrepareVm(int vm) {
  uint64_t identity = kIdentityMap;
  BOXLITE_TRY(sys::Ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity, "/dev/kvm: identity map"));
  BOXLITE_TRY(sys::Ioctl(vm, KVM_SET_TSS_ADDR, kTaskState, "/dev/kvm: task state"));
  BOXLITE_TRY(sys::Ioctl(vm, KVM_CREATE_IRQCHIP, 0, "/dev/kvm: interrupt controllers"));
  return FilterRegisters(vm);
}

}  // namespace boxlite::kvm
