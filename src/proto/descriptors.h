// The descriptors that the library hands to the programs that it starts, by number;
// docs/protocol.md, "Descriptors at start".
#pragma once

namespace boxlite::proto {

// boxlite-vm's.
enum VmDescriptor : int {
  kVmControl = 3,
  kVmListener = 4,
  kVmLock = 5,
  kVmExit = 6,
  kVmKernel = 7,
  kVmInitramfs = 8,
  kVmRootDisk = 9,
  kVmScratchDisk = 10,
  kVmLog = 11,
};

// boxlite-image's; which of them are there depends on the job.
enum ImageDescriptor : int {
  kImageControl = 3,
  kImageListener = 4,
  kImageLock = 5,
  kImageStaging = 6,
  kImageBlobs = 7,
  kImageOut = 8,
  kImageSource = 9,
  kImageConfig = 10,
};

}  // namespace boxlite::proto
