#include "image/ext4_directory.h"

#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "image/data_writer.h"

namespace boxlite::image {
namespace {

constexpr size_t kEntryHeader = 8;
constexpr size_t kMaxListBlocks = 2;        // beyond that a directory gets an index
constexpr uint32_t kLastHash = 0xfffffffc;  // above it the kernel sees the end of a directory

constexpr size_t kDotEntry = 12;
constexpr size_t kRootInfo = 24;
constexpr size_t kRootPairs = 32;
constexpr size_t kNodePairs = 8;
constexpr size_t kPair = 8;
constexpr size_t kRootRoom = (kBlockSize - kRootPairs) / kPair;
constexpr size_t kNodeRoom = (kBlockSize - kNodePairs) / kPair;

size_t EntrySize(size_t name_length) {
  return (kEntryHeader + name_length + 3) & ~size_t{3};
}

void StoreEntry(uint8_t* at, const DirectoryEntry& entry, size_t size) {
  StoreLe(at, entry.inode);
  StoreLe(at + 4, static_cast<uint16_t>(size));
  at[6] = static_cast<uint8_t>(entry.name.size());
  at[7] = entry.type;
  std::copy(entry.name.begin(), entry.name.end(), at + kEntryHeader);
}

class Packer {
 public:
  // The number of the block that the entry went to.
  size_t Add(const DirectoryEntry& entry) {
    size_t size = EntrySize(entry.name.size());
    size_t used = blocks_.size() % kBlockSize;
    if (used == 0 || used + size > kBlockSize) CloseBlock();
    last_ = blocks_.size();
    blocks_.resize(last_ + size);
    StoreEntry(&blocks_[last_], entry, size);
    return last_ / kBlockSize;
  }

  Bytes Take() {
    CloseBlock();
    return std::move(blocks_);
  }

 private:
  void CloseBlock() {
    if (blocks_.empty()) return;
    size_t end = (blocks_.size() + kBlockSize - 1) / kBlockSize * kBlockSize;
    blocks_.resize(end);
    StoreLe(&blocks_[last_ + 4], static_cast<uint16_t>(end - last_));
  }

  Bytes blocks_;
  size_t last_ = 0;  // offset of the last entry
};

struct Hashed {
  uint32_t hash = 0, minor = 0;
  DirectoryEntry entry;

  bool operator<(const Hashed& other) const {
    return std::tie(hash, minor, entry.name) < std::tie(other.hash, other.minor, other.entry.name);
  }
};

std::vector<Hashed> SortByHash(const std::vector<DirectoryEntry>& entries, const HashSeed& seed) {
  std::vector<Hashed> sorted;
  sorted.reserve(entries.size());
  for (const DirectoryEntry& entry : entries) {
    Hashed& out = sorted.emplace_back();
    out.entry = entry;
    errcode_t code =
        ext2fs_dirhash2(EXT2_HASH_HALF_MD4, entry.name.data(), static_cast<int>(entry.name.size()),
                        nullptr, 0, seed.data(), &out.hash, &out.minor);
    BOXLITE_CHECK(code == 0);
    out.hash = std::min(out.hash, kLastHash);
  }
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

struct Pair {
  uint32_t hash = 0;
  uint32_t block = 0;
};

// The leaves, and for each its first hash and its number among the leaves.
Bytes PackLeaves(const std::vector<Hashed>& sorted, std::vector<Pair>& leaves) {
  Packer packer;
  uint32_t previous = 0;
  for (const Hashed& hashed : sorted) {
    size_t block = packer.Add(hashed.entry);
    if (block == leaves.size()) {
      uint32_t continued = block > 0 && hashed.hash == previous ? 1 : 0;
      leaves.push_back({hashed.hash | continued, static_cast<uint32_t>(block)});
    }
    previous = hashed.hash;
  }
  return packer.Take();
}

void StorePairs(uint8_t* at, const Pair* pairs, size_t count, size_t room) {
  for (size_t i = 0; i < count; ++i) {
    StoreLe(at + kPair * i, pairs[i].hash);
    StoreLe(at + kPair * i + 4, pairs[i].block);
  }
  StoreLe(at, static_cast<uint16_t>(room));
  StoreLe(at + 2, static_cast<uint16_t>(count));
}

void StoreRoot(uint8_t* block, uint32_t self, uint32_t parent, const std::vector<Pair>& pairs,
               uint8_t levels) {
  StoreEntry(block, {self, EXT2_FT_DIR, "."}, kDotEntry);
  StoreEntry(block + kDotEntry, {parent, EXT2_FT_DIR, ".."}, kBlockSize - kDotEntry);
  block[kRootInfo + 4] = EXT2_HASH_HALF_MD4;
  block[kRootInfo + 5] = sizeof(ext2_dx_root_info);
  block[kRootInfo + 6] = levels;
  StorePairs(block + kRootPairs, pairs.data(), pairs.size(), kRootRoom);
}

// The root's block and the nodes below it, for leaves that follow them.
Bytes BuildIndex(uint32_t self, uint32_t parent, std::vector<Pair> leaves) {
  size_t nodes = leaves.size() <= kRootRoom ? 0 : (leaves.size() + kNodeRoom - 1) / kNodeRoom;
  BOXLITE_CHECK(nodes <= kRootRoom);
  Bytes index((1 + nodes) * kBlockSize);
  for (Pair& leaf : leaves) leaf.block += static_cast<uint32_t>(1 + nodes);
  std::vector<Pair> top;
  for (size_t node = 0; node < nodes; ++node) {
    const Pair* first = &leaves[node * kNodeRoom];
    size_t count = std::min(kNodeRoom, leaves.size() - node * kNodeRoom);
    uint8_t* block = &index[(1 + node) * kBlockSize];
    StoreEntry(block, {}, kBlockSize);
    StorePairs(block + kNodePairs, first, count, kNodeRoom);
    top.push_back({first->hash, static_cast<uint32_t>(1 + node)});
  }
  StoreRoot(index.data(), self, parent, nodes == 0 ? leaves : top, nodes == 0 ? 0 : 1);
  return index;
}

Bytes BuildList(uint32_t self, uint32_t parent, const std::vector<DirectoryEntry>& entries) {
  Packer packer;
  packer.Add({self, EXT2_FT_DIR, "."});
  packer.Add({parent, EXT2_FT_DIR, ".."});
  for (const DirectoryEntry& entry : entries) packer.Add(entry);
  return packer.Take();
}

}  // namespace

Directory BuildDirectory(uint32_t self, uint32_t parent, const std::vector<DirectoryEntry>& entries,
                         const HashSeed& seed) {
  Directory out;
  size_t size = 0;
  for (const DirectoryEntry& entry : entries) size += EntrySize(entry.name.size());
  out.indexed = size > kMaxListBlocks * kBlockSize;
  if (!out.indexed) {
    out.blocks = BuildList(self, parent, entries);
    return out;
  }
  std::vector<Pair> leaves;
  Bytes packed = PackLeaves(SortByHash(entries, seed), leaves);
  out.blocks = BuildIndex(self, parent, std::move(leaves));
  out.blocks.insert(out.blocks.end(), packed.begin(), packed.end());
  return out;
}

}  // namespace boxlite::image
