// What a virtual machine needs on x86-64 before its vCPUs are made. Thread rule: as Vm's.
#pragma once

#include "base/result.h"

namespace boxlite::kvm {

// Interrupt controllers, the addresses that KVM needs for itself, and the registers that no guest
// of ours may touch.
Result<void> PrepareVm(int vm);

}  // namespace boxlite::kvm
