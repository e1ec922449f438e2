#include "image/ext4_directory.h"

#include <ext2fs/ext2_fs.h>

#include <algorithm>

#include "image/data_writer.h"

namespace boxlite::image {
namespace {

constexpr size_t kEntryHeader = 8;

size_t EntrySize(size_t name_length) {
  return (kEntryHeader + name_length + 3) & ~size_t{3};
}

class Packer {
 public:
  void Add(const DirectoryEntry& entry) {
    size_t size = EntrySize(entry.name.size());
    if (blocks_.empty() || blocks_.size() % kBlockSize + size > kBlockSize ||
        blocks_.size() % kBlockSize == 0)
      CloseBlock();
    last_ = blocks_.size();
    blocks_.resize(last_ + size);
    uint8_t* at = &blocks_[last_];
    StoreLe(at, entry.inode);
    StoreLe(at + 4, static_cast<uint16_t>(size));
    at[6] = static_cast<uint8_t>(entry.name.size());
    at[7] = entry.type;
    std::copy(entry.name.begin(), entry.name.end(), at + kEntryHeader);
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

}  // namespace

Bytes BuildDirectory(uint32_t self, uint32_t parent, const std::vector<DirectoryEntry>& entries) {
  Packer packer;
  packer.Add({self, EXT2_FT_DIR, "."});
  packer.Add({parent, EXT2_FT_DIR, ".."});
  for (const DirectoryEntry& entry : entries) packer.Add(entry);
  return packer.Take();
}

}  // namespace boxlite::image
