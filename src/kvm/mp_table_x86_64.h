// The MP table: how a kernel without ACPI learns of vCPUs, of the I/O APIC and of its lines.
//
// Source: Intel MultiProcessor Specification 1.4, chapter 4. Values only.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace boxlite::kvm {

// The floating pointer and the table after it, as they lie at kMpTable; the vCPUs' APIC ids are 0
// to cpus - 1, the I/O APIC's is the next. Line N of the ISA bus is pin N.
Bytes MpTable(uint32_t cpus);

// The last KiB below 640 KiB, where the table has to be, has room for 40.
constexpr uint32_t kMaxMpCpus = 32;

}  // namespace boxlite::kvm
