// What an image may ask of us. A layer or manifest beyond one of these ends with Code::kImage and
// a message that names the limit, the layer and the entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace boxlite::image {

constexpr uint64_t kKib = 1024;
constexpr uint64_t kMib = 1024 * kKib;
constexpr uint64_t kGib = 1024 * kMib;

constexpr size_t kMaxManifestBytes = 4 * kMib;  // an index, a manifest or a config
constexpr size_t kMaxManifestsInIndex = 1024;
constexpr size_t kMaxLayers = 128;
constexpr uint64_t kMaxLayerBytes = 64 * kGib;  // one compressed blob
constexpr uint64_t kMaxImageBytes = 64 * kGib;  // all compressed layers together

constexpr size_t kMaxArchiveEntries = 65536;  // of an archive of images
constexpr size_t kMaxArchivedImages = 1024;

constexpr uint64_t kMaxUnpackedBytes = 64 * kGib;   // file data of all layers together
constexpr uint64_t kMaxEntries = 2'000'000;         // of all layers together
constexpr uint64_t kMaxFileSize = 8 * 1024 * kGib;  // as `ls` shows it; holes count
constexpr size_t kMaxPathLength = 4096;
constexpr size_t kMaxNameLength = 255;
constexpr size_t kMaxDepth = kMaxPathLength / 2;  // directories within directories
constexpr int kMaxSymlinkFollows = 40;            // while the parent of an entry is looked up
constexpr uint32_t kMaxHardLinks = 65000;         // ext4's own
constexpr size_t kMaxSymlinkTarget = 4095;

// Attributes of one file: what one ext4 block holds beside its header.
constexpr size_t kMaxXattrs = 128;
constexpr size_t kMaxXattrName = 255;
constexpr size_t kMaxXattrBytes = 3840;

// A stream that unpacks to more than kMaxRatio times its size is refused once it is longer than
// kRatioFreeBytes: gzip reaches 1000:1 only with zeros, zstd far more.
constexpr uint64_t kMaxRatio = 200;
constexpr uint64_t kRatioFreeBytes = 4 * kGib;
// What an encoder takes up to its level 19. More has to be allowed in config.json: Go's usual
// encoder takes 32 MiB at its best level.
constexpr int kZstdWindowLog = 23;
constexpr int kMaxZstdWindowMib = 128;

// "64 GiB", "10 MiB": a limit as messages give it.
inline std::string SizeText(uint64_t bytes) {
  bool whole = bytes % kGib == 0;
  return std::to_string(bytes / (whole ? kGib : kMib)) + (whole ? " GiB" : " MiB");
}

// Those that are not the same everywhere: config.json may raise the first, and tests lower the rest
// to what they can reach.
struct Limits {
  int zstd_window_log = kZstdWindowLog;
  uint64_t ratio_free_bytes = kRatioFreeBytes;
  uint64_t entries = kMaxEntries;
  uint64_t unpacked_bytes = kMaxUnpackedBytes;
};

}  // namespace boxlite::image
