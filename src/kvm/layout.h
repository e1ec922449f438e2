// Where things are in the guest's physical address space. Below 1 MiB is what the boot protocols
// ask for, memory follows, and from 3 GiB to 4 GiB is the gap, in which the devices are.
#pragma once

#include <cstdint>

namespace boxlite::kvm {

constexpr uint64_t kPageSize = 4096;

// What the kernel finds when it starts; all of it is the kernel's to reuse.
constexpr uint64_t kDescriptorTable = 0x500;
constexpr uint64_t kStartInfo = 0x1000;   // PVH: start info, modules, memory map
constexpr uint64_t kZeroPage = 0x7000;    // 64-bit boot protocol: boot_params
constexpr uint64_t kPageTables = 0x9000;  // three pages; the same
constexpr uint64_t kCommandLine = 0x20000;
// Linux cuts a longer one off without a word (COMMAND_LINE_SIZE, which counts the zero byte).
constexpr uint64_t kCommandLineLimit = 2048;

// Memory below 640 KiB ends here; the last KiB belongs to the firmware, which is where a kernel
// looks for an MP table.
constexpr uint64_t kMpTable = 0x9fc00;
constexpr uint64_t kLowEnd = 0xa0000;
constexpr uint64_t kHighStart = 0x10'0000;

constexpr uint64_t kGapStart = 0xc000'0000;
constexpr uint64_t kGapEnd = 0x1'0000'0000;

constexpr uint64_t kIoApic = 0xfec0'0000;
constexpr uint64_t kLocalApic = 0xfee0'0000;

// Each virtio-mmio device has one page (the specification asks for 0x200 bytes).
constexpr uint64_t kMmioStart = 0xd000'0000;
constexpr uint64_t kMmioSize = 0x1000;

}  // namespace boxlite::kvm
