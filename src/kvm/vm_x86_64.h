// What a virtual machine needs on x86-64 before its vCPUs are made. Thread rule: as Vm's.
#pragma once

#include "base/result.h"

namespace boxlite::kvm {

// Local APICs, and the addresses that KVM needs for itself. The registers of VMX and SVM
// need no filter of their own: KVM refuses VMX's and EFER.SVME to a guest whose CPUID has neither,
// and to set a filter takes 15 ms, for which KVM waits until nobody uses the old one.
Result<void> PrepareVm(int vm);

}  // namespace boxlite::kvm
