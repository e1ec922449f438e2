#include "image/ext4_writer.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/sys.h"
#include "image/ext4_bodies.h"
#include "image/ext4_filesystem.h"
#include "image/write_failed.h"

namespace boxlite::image {
namespace {

constexpr uint64_t kBlocksPerGroup = kBlockSize * 8;
constexpr uint64_t kMaxInodesPerGroup = kBlockSize * 8;
constexpr uint64_t kInodesPerBlock = kBlockSize / 256;
constexpr uint64_t kGroupSlack = 64;  // libext2fs wants more than 50 free blocks in the last group
constexpr uint16_t kExtraInodeSize = sizeof(ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
constexpr uint64_t kSectorsPerBlock = kBlockSize / 512;
constexpr uint64_t kMaxLinkCount = 65000;  // a directory with more says 1 (dir_nlink)
constexpr time_t kImageTime = 1;  // of the file system itself; 0 would mean "now" to libext2fs

struct Geometry {
  uint64_t blocks = 0;
  uint64_t groups = 0;
  uint64_t inodes_per_group = 0;
  uint64_t table_blocks = 0;  // of each group
};

// Any geometry that holds the inodes and `used` blocks; what is left over stays a hole.
Geometry Plan(uint64_t used, uint64_t inodes) {
  Geometry plan;
  plan.groups = std::max<uint64_t>(1, (inodes + kMaxInodesPerGroup - 1) / kMaxInodesPerGroup);
  for (;;) {
    uint64_t per_group = (inodes + plan.groups - 1) / plan.groups;
    plan.table_blocks = (per_group + kInodesPerBlock - 1) / kInodesPerBlock;
    plan.inodes_per_group = plan.table_blocks * kInodesPerBlock;
    uint64_t last_group = plan.table_blocks + kFirstDataBlock + kGroupSlack;
    plan.blocks = std::max(used + plan.groups * (2 + plan.table_blocks),
                           (plan.groups - 1) * kBlocksPerGroup + last_group);
    uint64_t groups = (plan.blocks + kBlocksPerGroup - 1) / kBlocksPerGroup;
    if (groups <= plan.groups) return plan;
    plan.groups = groups;
  }
}

uint16_t TypeBits(FileType type) {
  switch (type) {
    case FileType::kDirectory:
      return LINUX_S_IFDIR;
    case FileType::kSymlink:
      return LINUX_S_IFLNK;
    case FileType::kCharDevice:
      return LINUX_S_IFCHR;
    case FileType::kBlockDevice:
      return LINUX_S_IFBLK;
    case FileType::kFifo:
      return LINUX_S_IFIFO;
    case FileType::kRegular:
      break;
  }
  return LINUX_S_IFREG;
}

void StoreTimes(const Inode& inode, ext2_inode_large& out) {
  constexpr int64_t kMin = INT32_MIN;
  constexpr int64_t kMax = INT32_MAX + (int64_t{3} << 32);
  int64_t seconds = std::clamp(inode.mtime_s, kMin, kMax);
  auto low = static_cast<uint32_t>(seconds);
  auto epoch = static_cast<uint32_t>(((seconds - static_cast<int32_t>(low)) >> 32) & 3);
  uint32_t extra = (inode.mtime_ns << 2) | epoch;
  out.i_atime = out.i_ctime = out.i_mtime = out.i_crtime = low;
  out.i_atime_extra = out.i_ctime_extra = out.i_mtime_extra = out.i_crtime_extra = extra;
}

ext2_inode_large MakeInode(const Inode& inode, const Body& body) {
  ext2_inode_large out{};
  out.i_mode = static_cast<uint16_t>(TypeBits(inode.type) | inode.permissions);
  out.i_uid = static_cast<uint16_t>(inode.uid);
  out.i_gid = static_cast<uint16_t>(inode.gid);
  ext2fs_set_i_uid_high(out, static_cast<uint16_t>(inode.uid >> 16));
  ext2fs_set_i_gid_high(out, static_cast<uint16_t>(inode.gid >> 16));
  out.i_size = static_cast<uint32_t>(body.size);
  out.i_size_high = static_cast<uint32_t>(body.size >> 32);
  uint64_t sectors = body.blocks * kSectorsPerBlock;
  out.i_blocks = static_cast<uint32_t>(sectors);
  out.osd2.linux2.l_i_blocks_hi = static_cast<uint16_t>(sectors >> 32);
  out.i_flags = (body.extents ? EXT4_EXTENTS_FL : 0) | (body.indexed ? EXT2_INDEX_FL : 0);
  out.i_extra_isize = kExtraInodeSize;
  std::memcpy(out.i_block, body.map.data(), body.map.size());
  StoreTimes(inode, out);
  return out;
}

class Writer {
 public:
  Writer(const Tree& tree, const Bodies& bodies, ext2_filsys fs)
      : tree_(tree), bodies_(bodies), fs_(fs), attribute_block_(bodies.attribute_block) {}

  Result<void> PlaceGroups(const Geometry& plan, uint64_t bitmaps);
  void MarkBlocks();
  Result<void> WriteInodes();

 private:
  static errcode_t NextAttributeBlock(ext2_filsys fs, blk64_t goal, blk64_t* out);
  uint64_t Links(const Inode& inode) const;
  Result<void> WriteXattrs(ext2_ino_t number, const Inode& inode);

  const Tree& tree_;
  const Bodies& bodies_;
  ext2_filsys fs_;
  uint64_t attribute_block_;  // the next that is free
};

Result<void> Writer::PlaceGroups(const Geometry& plan, uint64_t bitmaps) {
  bool as_planned =
      fs_->group_desc_count == plan.groups && fs_->inode_blocks_per_group == plan.table_blocks &&
      ext2fs_blocks_count(fs_->super) == plan.blocks && fs_->desc_blocks < kFirstDataBlock;
  if (!as_planned) return Error(Code::kInternal, "the image's ext4 layout is not as planned");
  uint64_t tables = bitmaps + 2 * plan.groups;
  for (dgrp_t group = 0; group < plan.groups; ++group) {
    ext2fs_block_bitmap_loc_set(fs_, group, bitmaps + uint64_t{2} * group);
    ext2fs_inode_bitmap_loc_set(fs_, group, bitmaps + uint64_t{2} * group + 1);
    ext2fs_inode_table_loc_set(fs_, group, tables + group * plan.table_blocks);
  }
  uint64_t count = plan.groups * (2 + plan.table_blocks);
  ext2fs_block_alloc_stats_range(fs_, bitmaps, static_cast<blk_t>(count), +1);
  return {};
}

void Writer::MarkBlocks() {
  auto mark = [this](const Extent& extent) {
    ext2fs_block_alloc_stats_range(fs_, extent.physical, static_cast<blk_t>(extent.count), +1);
  };
  for (InodeId id : bodies_.order)
    for (const Extent& extent : tree_.At(id).extents) mark(extent);
  for (const Extent& extent : bodies_.metadata) mark(extent);
}

uint64_t Writer::Links(const Inode& inode) const {
  if (inode.type != FileType::kDirectory) return inode.links;
  auto is_directory = [this](const auto& child) {
    return tree_.At(child.second).type == FileType::kDirectory;
  };
  auto subdirectories = std::count_if(inode.children.begin(), inode.children.end(), is_directory);
  uint64_t links = 2 + static_cast<uint64_t>(subdirectories);
  return links > kMaxLinkCount ? 1 : links;
}

Result<void> Writer::WriteInodes() {
  fs_->priv_data = this;
  ext2fs_set_alloc_block_callback(fs_, &NextAttributeBlock, nullptr);
  for (ext2_ino_t reserved = 1; reserved < EXT2_GOOD_OLD_FIRST_INO; ++reserved)
    ext2fs_inode_alloc_stats2(fs_, reserved, +1, reserved == EXT2_ROOT_INO ? 1 : 0);
  for (size_t i = 0; i < bodies_.order.size(); ++i) {
    InodeId id = bodies_.order[i];
    const Inode& inode = tree_.At(id);
    ext2_ino_t number = bodies_.numbers[id];
    if (id != kRootInode)
      ext2fs_inode_alloc_stats2(fs_, number, +1, inode.type == FileType::kDirectory ? 1 : 0);
    ext2_inode_large raw = MakeInode(inode, bodies_.bodies[i]);
    raw.i_links_count = static_cast<uint16_t>(Links(inode));
    BOXLITE_TRY(CheckExt2(
        ext2fs_write_inode_full(fs_, number, reinterpret_cast<ext2_inode*>(&raw), sizeof raw),
        "write an inode"));
    if (!inode.xattrs.empty()) BOXLITE_TRY(WriteXattrs(number, inode));
  }
  return {};
}

errcode_t Writer::NextAttributeBlock(ext2_filsys fs, blk64_t /*goal*/, blk64_t* out) {
  auto* self = static_cast<Writer*>(fs->priv_data);
  *out = self->attribute_block_++;
  return 0;
}

Result<void> Writer::WriteXattrs(ext2_ino_t number, const Inode& inode) {
  ext2_xattr_handle* handle = nullptr;
  BOXLITE_TRY(CheckExt2(ext2fs_xattrs_open(fs_, number, &handle), "open extended attributes"));
  errcode_t code = 0;
  for (const Xattr& xattr : inode.xattrs) {
    if (code != 0) break;
    code = ext2fs_xattr_set(handle, xattr.name.c_str(), xattr.value.data(), xattr.value.size());
  }
  ext2fs_xattrs_close(&handle);
  if (code != 0)
    return Error(Code::kImage, "extended attributes of a file do not fit into an ext4 image: " +
                                   std::string(error_message(code)));
  return {};
}

ext2_super_block Parameters(const Geometry& plan) {
  ext2_super_block parameters = CommonParameters(plan.blocks);
  parameters.s_inodes_count = static_cast<uint32_t>(plan.groups * plan.inodes_per_group);
  parameters.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX |
                                EXT4_FEATURE_COMPAT_SPARSE_SUPER2;
  parameters.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                                  EXT4_FEATURE_INCOMPAT_FLEX_BG;
  parameters.s_feature_ro_compat =
      EXT2_FEATURE_RO_COMPAT_LARGE_FILE | EXT4_FEATURE_RO_COMPAT_HUGE_FILE |
      EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE;
  parameters.s_log_groups_per_flex = 4;
  return parameters;
}

HashSeed HashSeedOf(const std::array<uint8_t, kSeedSize>& seed) {
  HashSeed out{};
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = LoadLe<uint32_t>(seed.data() + kSeedSize / 2 + i * sizeof(uint32_t));
  return out;
}

void Identify(const std::array<uint8_t, kSeedSize>& seed, ext2_filsys fs) {
  StoreUuid(seed.data(), fs->super->s_uuid);
  HashSeed hash_seed = HashSeedOf(seed);
  std::copy(hash_seed.begin(), hash_seed.end(), fs->super->s_hash_seed);
  fs->super->s_def_hash_version = EXT2_HASH_HALF_MD4;
  fs->super->s_flags |= EXT2_FLAGS_SIGNED_HASH;
  fs->now = kImageTime;
  fs->super->s_mkfs_time = fs->super->s_wtime = fs->super->s_lastcheck = kImageTime;
  fs->super->s_max_mnt_count = -1;
}

}  // namespace

Result<void> WriteExt4(int fd, const Tree& tree, DataWriter& data,
                       const std::array<uint8_t, kSeedSize>& seed) {
  Bodies bodies = BOXLITE_TRY(WriteBodies(tree, data, HashSeedOf(seed)));
  BOXLITE_TRY(data.Flush());
  uint64_t bitmaps = data.next_block();
  Geometry plan = Plan(bitmaps, EXT2_GOOD_OLD_FIRST_INO + bodies.order.size());
  Result<void> sized = sys::Truncate(fd, plan.blocks * kBlockSize);
  if (!sized.ok()) return WriteFailed(sized.TakeError(), "the image file");
  Ext4FileSystem fs = BOXLITE_TRY(Ext4FileSystem::Create(fd, Parameters(plan)));
  Identify(seed, fs.get());
  Writer writer(tree, bodies, fs.get());
  BOXLITE_TRY(writer.PlaceGroups(plan, bitmaps));
  writer.MarkBlocks();
  BOXLITE_TRY(writer.WriteInodes());
  return fs.Close();
}

}  // namespace boxlite::image
