// Where things are in the guest's physical address space. Below 1 MiB is what the boot protocols
// ask for, memory follows, and from 3 GiB to 4 GiB is the gap, in which the devices are.
#pragma once

#include <cstdint>

namespace boxlite::kvm {

constexpr uint64_t kPageSize = 4096;

constexpr uint64_t kGapStart = 0xc000'0000;
constexpr uint64_t kGapEnd = 0x1'0000'0000;

// Each virtio-mmio device has one page (the specification asks for 0x200 bytes) and one line.
constexpr uint64_t kMmioStart = 0xd000'0000;
constexpr uint64_t kMmioSize = 0x1000;
constexpr uint32_t kFirstInterrupt = 5;  // of the I/O APIC; the ones before it are the PC's

}  // namespace boxlite::kvm
