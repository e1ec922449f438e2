#include "image/blank.h"

#include <array>
#include <string>

#include "base/sys.h"
#include "image/data_writer.h"
#include "image/ext4_filesystem.h"
#include "image/limits.h"
#include "image/write_failed.h"

namespace boxlite::image {
namespace {

constexpr uint64_t kMinSize = 8 * kMib;
constexpr uint64_t kMaxSize = 8 * 1024 * kGib;
constexpr uint64_t kBytesPerInode = 16 * kKib;
constexpr uint64_t kMinInodes = 1024;
// The guest writes over the whole journal in time, and the host's file grows by it.
constexpr blk_t kJournalBlocks = 16 * kMib / kBlockSize;
constexpr blk_t kSmallJournalBlocks = 4 * kMib / kBlockSize;
constexpr uint64_t kSmallDisk = 512 * kMib;

ext2_super_block Parameters(uint64_t size) {
  ext2_super_block parameters = CommonParameters(size / kBlockSize);
  parameters.s_inodes_count = static_cast<uint32_t>(
      std::min<uint64_t>(std::max(size / kBytesPerInode, kMinInodes), 1u << 30));
  parameters.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX;
  parameters.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                                  EXT4_FEATURE_INCOMPAT_FLEX_BG;
  parameters.s_feature_ro_compat =
      EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
      EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
      EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE;
  parameters.s_log_groups_per_flex = 4;
  return parameters;
}

Result<void> Identify(ext2_filsys fs) {
  std::array<uint8_t, 32> random{};
  BOXLITE_TRY(sys::FillRandom(random.data(), random.size()));
  StoreUuid(random.data(), fs->super->s_uuid);
  StoreUuid(random.data() + 16, reinterpret_cast<uint8_t*>(fs->super->s_hash_seed));
  fs->super->s_def_hash_version = EXT2_HASH_HALF_MD4;
  fs->super->s_max_mnt_count = -1;
  return {};
}

void MarkTablesZeroed(ext2_filsys fs) {
  for (dgrp_t group = 0; group < fs->group_desc_count; ++group) {
    ext2fs_bg_flags_set(fs, group, EXT2_BG_INODE_ZEROED);
    ext2fs_group_desc_csum_set(fs, group);
  }
}

}  // namespace

Result<void> MakeBlank(int output, uint64_t size, proto::Journal journal) {
  if (size < kMinSize || size > kMaxSize)
    return Error(Code::kInvalidArgument, "a disk of " + std::to_string(size) + " bytes",
                 "choose a size from " + std::to_string(kMinSize / kMib) + " MiB to " +
                     std::to_string(kMaxSize / kGib / 1024) + " TiB");
  for (uint64_t length : {uint64_t{0}, size / kBlockSize * kBlockSize}) {
    Result<void> sized = sys::Truncate(output, length);
    if (!sized.ok()) return WriteFailed(sized.TakeError(), "the disk");
  }
  Ext4FileSystem owner = BOXLITE_TRY(Ext4FileSystem::Create(output, Parameters(size)));
  ext2_filsys fs = owner.get();
  BOXLITE_TRY(Identify(fs));
  BOXLITE_TRY(CheckExt2(ext2fs_allocate_tables(fs), "place the inode tables"));
  for (ext2_ino_t reserved = 1; reserved < EXT2_GOOD_OLD_FIRST_INO; ++reserved)
    if (reserved != EXT2_ROOT_INO) ext2fs_inode_alloc_stats2(fs, reserved, +1, 0);
  BOXLITE_TRY(CheckExt2(ext2fs_mkdir(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, nullptr), "make the root"));
  if (journal == proto::Journal::kYes) {
    blk_t blocks = size < kSmallDisk ? kSmallJournalBlocks : kJournalBlocks;
    BOXLITE_TRY(
        CheckExt2(ext2fs_add_journal_inode2(fs, blocks, ~blk64_t{0}, EXT2_MKJOURNAL_LAZYINIT),
                  "make the journal"));
  }
  MarkTablesZeroed(fs);
  return owner.Close();
}

}  // namespace boxlite::image
