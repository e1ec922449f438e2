#include "image/ext4_bodies.h"

#include <ext2fs/ext2_fs.h>

#include <algorithm>

#include "image/ext4_directory.h"

namespace boxlite::image {
namespace {

uint8_t EntryType(FileType type) {
  switch (type) {
    case FileType::kDirectory:
      return EXT2_FT_DIR;
    case FileType::kSymlink:
      return EXT2_FT_SYMLINK;
    case FileType::kCharDevice:
      return EXT2_FT_CHRDEV;
    case FileType::kBlockDevice:
      return EXT2_FT_BLKDEV;
    case FileType::kFifo:
      return EXT2_FT_FIFO;
    case FileType::kRegular:
      break;
  }
  return EXT2_FT_REG_FILE;
}

// Both forms that the kernel reads: 8 bits each, or 12 and 20.
void StoreDevice(uint32_t major, uint32_t minor, uint8_t* map) {
  if (major < 256 && minor < 256) {
    StoreLe(map, (major << 8) | minor);
  } else {
    StoreLe(map + 4, (minor & 0xff) | (major << 8) | ((minor & ~uint32_t{0xff}) << 12));
  }
}

void Number(const Tree& tree, Bodies& out) {
  out.numbers.assign(tree.size(), 0);
  std::vector<InodeId> pending{kRootInode};
  uint32_t next = EXT2_GOOD_OLD_FIRST_INO;
  while (!pending.empty()) {
    InodeId id = pending.back();
    pending.pop_back();
    if (out.numbers[id] != 0) continue;
    out.numbers[id] = id == kRootInode ? uint32_t{EXT2_ROOT_INO} : next++;
    out.order.push_back(id);
    const auto& children = tree.At(id).children;
    for (auto child = children.rbegin(); child != children.rend(); ++child)
      pending.push_back(child->second);
  }
}

class BodyWriter {
 public:
  BodyWriter(const Tree& tree, DataWriter& data, const HashSeed& seed, Bodies& out)
      : tree_(tree), data_(data), seed_(seed), out_(out) {}

  Result<Body> Write(InodeId id) {
    const Inode& inode = tree_.At(id);
    Body body;
    switch (inode.type) {
      case FileType::kRegular:
        return Mapped(inode.extents, inode.size);
      case FileType::kDirectory:
        return WriteDirectory(id);
      case FileType::kSymlink:
        if (inode.target.size() >= kInlineBlockMap) return Stored(AsBytes(inode.target));
        std::copy(inode.target.begin(), inode.target.end(), body.map.begin());
        body.size = inode.target.size();
        return body;
      case FileType::kCharDevice:
      case FileType::kBlockDevice:
        StoreDevice(inode.major, inode.minor, body.map.data());
        return body;
      case FileType::kFifo:
        break;
    }
    return body;
  }

 private:
  Result<Body> Mapped(const std::vector<Extent>& extents, uint64_t size) {
    BlockMap map = BOXLITE_TRY(BuildBlockMap(extents, data_));
    Body body;
    body.map = map.root;
    body.size = size;
    body.extents = true;
    body.blocks = map.tree_blocks.size();
    for (const Extent& extent : extents) body.blocks += extent.count;
    for (uint64_t block : map.tree_blocks) out_.metadata.push_back({0, block, 1});
    return body;
  }

  Result<Body> Stored(ByteSpan contents) {
    uint64_t first = BOXLITE_TRY(data_.AppendBlocks(contents));
    Extent extent{0, first, BlocksOf(contents.size())};
    out_.metadata.push_back(extent);
    return Mapped({extent}, contents.size());
  }

  Result<Body> WriteDirectory(InodeId id) {
    const Inode& inode = tree_.At(id);
    std::vector<DirectoryEntry> entries;
    entries.reserve(inode.children.size());
    for (const auto& [name, child] : inode.children)
      entries.push_back({out_.numbers[child], EntryType(tree_.At(child).type), name});
    Directory built = BuildDirectory(out_.numbers[id], out_.numbers[inode.parent], entries, seed_);
    Body body = BOXLITE_TRY(Stored(built.blocks));
    body.indexed = built.indexed;
    return body;
  }

  const Tree& tree_;
  DataWriter& data_;
  const HashSeed& seed_;
  Bodies& out_;
};

}  // namespace

Result<Bodies> WriteBodies(const Tree& tree, DataWriter& data, const HashSeed& seed) {
  Bodies out;
  Number(tree, out);
  out.bodies.reserve(out.order.size());
  BodyWriter writer(tree, data, seed, out);
  uint64_t with_attributes = 0;
  for (InodeId id : out.order) {
    out.bodies.push_back(BOXLITE_TRY(writer.Write(id)));
    if (!tree.At(id).xattrs.empty()) ++with_attributes;
  }
  out.attribute_block = BOXLITE_TRY(data.Reserve(with_attributes));
  return out;
}

}  // namespace boxlite::image
