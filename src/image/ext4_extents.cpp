#include "image/ext4_extents.h"

#include <algorithm>

#include "base/bytes.h"

namespace boxlite::image {
namespace {

constexpr uint16_t kMagic = 0xf30a;
constexpr size_t kEntrySize = 12;
constexpr size_t kRootEntries = kInlineBlockMap / kEntrySize - 1;
constexpr size_t kBlockEntries = kBlockSize / kEntrySize - 1;
constexpr uint64_t kMaxExtentBlocks = 32768;

// An extent, or an index where `length` is 0.
struct Entry {
  uint32_t logical = 0;
  uint16_t length = 0;
  uint64_t physical = 0;
};

void StoreHeader(uint8_t* at, size_t entries, size_t room, uint16_t depth) {
  StoreLe(at, kMagic);
  StoreLe(at + 2, static_cast<uint16_t>(entries));
  StoreLe(at + 4, static_cast<uint16_t>(room));
  StoreLe(at + 6, depth);
  StoreLe<uint32_t>(at + 8, 0);
}

void StoreEntry(uint8_t* at, const Entry& entry, uint16_t depth) {
  auto low = static_cast<uint32_t>(entry.physical);
  auto high = static_cast<uint16_t>(entry.physical >> 32);
  StoreLe(at, entry.logical);
  if (depth == 0) {
    StoreLe(at + 4, entry.length);
    StoreLe(at + 6, high);
    StoreLe(at + 8, low);
  } else {
    StoreLe(at + 4, low);
    StoreLe(at + 8, high);
    StoreLe<uint16_t>(at + 10, 0);
  }
}

void StoreNode(uint8_t* at, size_t room, uint16_t depth, const Entry* entries, size_t count) {
  StoreHeader(at, count, room, depth);
  for (size_t i = 0; i < count; ++i) StoreEntry(at + kEntrySize * (i + 1), entries[i], depth);
}

std::vector<Entry> Leaves(const std::vector<Extent>& extents) {
  std::vector<Entry> leaves;
  for (const Extent& extent : extents) {
    for (uint64_t done = 0; done < extent.count; done += kMaxExtentBlocks) {
      uint64_t length = std::min(extent.count - done, kMaxExtentBlocks);
      leaves.push_back({static_cast<uint32_t>(extent.logical + done), static_cast<uint16_t>(length),
                        extent.physical + done});
    }
  }
  return leaves;
}

}  // namespace

Result<BlockMap> BuildBlockMap(const std::vector<Extent>& extents, DataWriter& out) {
  BlockMap map;
  std::vector<Entry> level = Leaves(extents);
  uint16_t depth = 0;
  for (; level.size() > kRootEntries; ++depth) {
    std::vector<Entry> above;
    for (size_t at = 0; at < level.size(); at += kBlockEntries) {
      size_t count = std::min(kBlockEntries, level.size() - at);
      Bytes node(kBlockSize);
      StoreNode(node.data(), kBlockEntries, depth, &level[at], count);
      uint64_t block = BOXLITE_TRY(out.AppendBlocks(node));
      map.tree_blocks.push_back(block);
      above.push_back({level[at].logical, 0, block});
    }
    level = std::move(above);
  }
  StoreNode(map.root.data(), kRootEntries, depth, level.data(), level.size());
  return map;
}

}  // namespace boxlite::image
