// What a vCPU says of itself by CPUID: what KVM can do on this host, less what no guest of ours may
// have, plus the topology of this machine.
//
// Source: Intel SDM volume 2A (CPUID), AMD APM volume 3 appendix E, Linux
// Documentation/virt/kvm/x86/cpuid.rst. Values only, no thread rule.
#pragma once

#include <linux/kvm.h>

#include <cstdint>
#include <vector>

namespace boxlite::kvm {

struct CpuPlace {
  uint32_t index = 0;
  uint32_t cpus = 1;
};

// `entries` are KVM_GET_SUPPORTED_CPUID's.
std::vector<kvm_cpuid_entry2> GuestCpuid(std::vector<kvm_cpuid_entry2> entries, CpuPlace place);

}  // namespace boxlite::kvm
