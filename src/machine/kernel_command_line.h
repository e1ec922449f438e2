// What the guest's kernel is told by its command line: what both engines say, and what each has to.
// Values only, no thread rule.
#pragma once

#include <string>

#include "machine/machine.h"

namespace boxlite::machine {

std::string QemuKernelCommandLine(const MachineSpec& spec);

// With the virtio-mmio slots that the machine has; QEMU adds them itself.
std::string KvmKernelCommandLine(const MachineSpec& spec);

}  // namespace boxlite::machine
