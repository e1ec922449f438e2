// How fast the kvm engine's disk is by itself, and the floor below which no disk can be: one copy
// out of the host's page cache.
#pragma once

#include <string>

namespace boxlite::vm_test {

// The file from its beginning, MB/s, in requests of as many single pages as one may have, none
// next to another in the guest's memory: as Linux asks for what a program reads that has no larger
// pages.
struct DiskRates {
  double device = 0;  // from the driver's kick to its interrupt, two requests at once
  double floor = 0;   // the same pieces by preadv2 in this thread, nothing around it
};
DiskRates MeasureDiskRates(const std::string& file);

}  // namespace boxlite::vm_test
