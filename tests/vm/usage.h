// What a running box takes of the host: boxlite-vm and, with the qemu engine, QEMU.
#pragma once

#include <sys/types.h>

#include <vector>

namespace boxlite::vm_test {

// The process and its children.
std::vector<pid_t> FamilyOf(pid_t pid);
// Their private memory without the guest's, KiB.
double PrivateKib(const std::vector<pid_t>& family);
// The processor time that they have used so far, ms.
double CpuMs(const std::vector<pid_t>& family);

}  // namespace boxlite::vm_test
