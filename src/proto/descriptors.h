// The descriptors that the library hands to the programs that it starts, by number;
// docs/protocol.md, "Descriptors at start".
#pragma once

namespace boxlite::proto {

// Every program's: its first client, the socket where others connect, and the lock that says that
// it lives.
constexpr int kControl = 3;
constexpr int kListener = 4;
constexpr int kLock = 5;

// boxlite-vm's.
constexpr int kVmExit = 6;
constexpr int kVmKernel = 7;
constexpr int kVmInitramfs = 8;
constexpr int kVmRootDisk = 9;
constexpr int kVmScratchDisk = 10;
constexpr int kVmLog = 11;

// boxlite-image's; which of them are there depends on the job.
constexpr int kImageStaging = 6;
constexpr int kImageBlobs = 7;
constexpr int kImageOut = 8;
constexpr int kImageSource = 9;
constexpr int kImageConfig = 10;
constexpr int kImageEnvironment = 11;

}  // namespace boxlite::proto
