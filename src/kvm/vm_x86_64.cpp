#include "kvm/vm_x86_64.h"

#include <linux/kvm.h>

#include <cstdint>

#include "base/sys.h"

namespace boxlite::kvm {
namespace {

// Four pages at the end of the 32-bit space that Intel's processors want for real mode; they are in
// the gap, where no memory and no device of ours is.
constexpr uint64_t kIdentityMap = 0xfffb'c000;
constexpr uint64_t kTaskState = 0xfffb'd000;

}  // namespace

Result<void> PrepareVm(int vm) {
  uint64_t identity = kIdentityMap;
  BOXLITE_TRY(sys::Ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity, "/dev/kvm: identity map"));
  BOXLITE_TRY(sys::Ioctl(vm, KVM_SET_TSS_ADDR, kTaskState, "/dev/kvm: task state"));
  kvm_enable_cap local_apics{};
  local_apics.cap = KVM_CAP_SPLIT_IRQCHIP;  // The I/O APIC is ours (io_apic_x86_64.h).
  BOXLITE_TRY(sys::Ioctl(vm, KVM_ENABLE_CAP, &local_apics, "/dev/kvm: local APICs"));
  return {};
}

}  // namespace boxlite::kvm
