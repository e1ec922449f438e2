// From files to a vCPU that stands at the kernel's first instruction: the kernel's segments,
// the initramfs, the command line, the MP table and what the boot protocol wants beside them.
//
// Source: Xen's public/arch-x86/hvm/start_info.h (PVH); Linux, Documentation/arch/x86/boot.rst
// (64-bit boot protocol). Thread rule: before the guest runs.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "kvm/guest_memory.h"

namespace boxlite::kvm {

struct BootFiles {
  int kernel = -1;     // borrowed
  int initramfs = -1;  // borrowed; -1: none
  std::string command_line;
  uint32_t cpus = 1;
};

enum class BootMode : uint8_t {
  kPvh,     // 32-bit protected mode, paging off
  kLong64,  // 64-bit mode, the first GiB mapped to itself
};

struct BootEntry {
  BootMode mode = BootMode::kPvh;
  uint64_t address = 0;   // of the first instruction
  uint64_t argument = 0;  // the structure that the protocol passes
};

// A kernel with a PVH note is entered there, another in 64-bit mode.
Result<BootEntry> LoadGuest(GuestMemory& memory, const BootFiles& files);

// Registers of the vCPU that boots; the others wait for it to start them.
Result<void> SetBootRegisters(int vcpu, GuestMemory& memory, const BootEntry& entry);

// What every vCPU needs before it runs: CPUID, the APIC's pins, registers that the kernel trusts.
Result<void> SetUpVcpu(int kvm, int vcpu, uint32_t index, uint32_t cpus);

}  // namespace boxlite::kvm
