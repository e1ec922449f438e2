// What an image may ask of us. A layer or manifest beyond one of these ends with Code::kImage and
// a message that names the limit, the layer and the entry.
#pragma once

#include <cstddef>
#include <cstdint>

namespace boxlite::image {

constexpr uint64_t kKib = 1024;
constexpr uint64_t kMib = 1024 * kKib;
constexpr uint64_t kGib = 1024 * kMib;

constexpr size_t kMaxManifestBytes = 4 * kMib;  // an index, a manifest or a config
constexpr size_t kMaxManifestsInIndex = 1024;
constexpr size_t kMaxLayers = 128;
constexpr uint64_t kMaxLayerBytes = 64 * kGib;  // one compressed blob

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
// Go's usual encoder, with which most zstd layers are made, takes 32 MiB at its best level.
constexpr int kMaxZstdWindowLog = 25;

}  // namespace boxlite::image
