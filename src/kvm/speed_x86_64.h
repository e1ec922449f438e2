// How fast this host's KVM runs guest code. Some hosts show a /dev/kvm that interprets a guest's
// kernel at a hundredth of the processor's speed: everything works there, or nearly, and nothing is
// of use.
//
// Thread rule: any thread; takes some milliseconds.
#pragma once

#include "base/result.h"
#include "kvm/vm.h"

namespace boxlite::kvm {

// The speed of a loop in a guest's most privileged ring, as a part of the same loop's speed here; 1
// is as fast. The best of three times of each counts.
Result<double> MeasureSpeed(const Host& host);

}  // namespace boxlite::kvm
