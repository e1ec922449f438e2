// How fast this host's KVM runs guest code, kept from one box to the next: boxlite-vm measures it
// in some milliseconds, and it stays what it is until the host boots anew. What the user may do
// with /dev/kvm is not kept.
//
// The file kvm-speed of a home directory holds one line, "<boot id> <thousandths>". One that is
// missing or is no such line is measured again. Thread rule: any thread.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "store/home.h"

namespace boxlite::box {

// 0 where it is not known.
uint32_t ReadKvmSpeed(const store::Home& home);
Result<void> KeepKvmSpeed(const store::Home& home, uint32_t thousandths);

}  // namespace boxlite::box
