#include "image/ext4_filesystem.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/sys.h"
#include "image/data_writer.h"
#include "image/write_failed.h"

namespace boxlite::image {
namespace {

constexpr size_t kUuidSize = 16;
constexpr uint32_t kLogBlockSize = 2;  // 1024 << 2
static_assert(kBlockSize == size_t{1024} << kLogBlockSize);
constexpr uint16_t kInodeSize = 256;

}  // namespace

Result<void> CheckExt2(errcode_t code, const char* what) {
  if (code == 0) return {};
  // The library passes errno on, and tells of a disk that is just full by a short write.
  int os_errno = code == EXT2_ET_SHORT_WRITE ? ENOSPC : static_cast<int>(code);
  if (os_errno >= EXT2_ET_BASE)
    return Error(Code::kStorage, std::string(what) + ": " + error_message(code))
        .Context("the image file");
  return WriteFailed(Error::FromErrno(sys::CodeFromErrno(os_errno), what, os_errno),
                     "the image file");
}

Result<Ext4FileSystem> Ext4FileSystem::Create(int fd, ext2_super_block parameters) {
  initialize_ext2_error_table();
  Ext4FileSystem fs(BOXLITE_TRY(sys::Duplicate(fd)));
  // The manager closes the descriptor whose number it is given.
  UniqueFd given = BOXLITE_TRY(sys::Duplicate(fd));
  std::string number = std::to_string(given.get());
  BOXLITE_TRY(CheckExt2(ext2fs_initialize(number.c_str(), EXT2_FLAG_EXCLUSIVE, &parameters,
                                          unixfd_io_manager, &fs.fs_),
                        "lay out the file system"));
  static_cast<void>(given.Release());
  fs.fs_->umask = 0;
  return fs;
}

Ext4FileSystem::Ext4FileSystem(Ext4FileSystem&& other) noexcept
    : fd_(std::move(other.fd_)), fs_(std::exchange(other.fs_, nullptr)) {}

Ext4FileSystem::~Ext4FileSystem() {
  if (fs_ != nullptr) ext2fs_free(fs_);
}

Result<void> Ext4FileSystem::Close() {
  errcode_t code = ext2fs_close2(fs_, EXT2_FLAG_FLUSH_NO_SYNC);
  if (code == 0) fs_ = nullptr;
  return CheckExt2(code, "write the file system");
}

ext2_super_block CommonParameters(uint64_t blocks) {
  ext2_super_block parameters{};
  parameters.s_rev_level = EXT2_DYNAMIC_REV;
  parameters.s_log_block_size = kLogBlockSize;
  parameters.s_log_cluster_size = kLogBlockSize;
  parameters.s_inode_size = kInodeSize;
  parameters.s_errors = EXT2_ERRORS_RO;
  ext2fs_blocks_count_set(&parameters, blocks);
  return parameters;
}

void StoreUuid(const uint8_t* seed, uint8_t* out) {
  std::copy(seed, seed + kUuidSize, out);
  out[6] = static_cast<uint8_t>((out[6] & 0x0f) | 0x40);
  out[8] = static_cast<uint8_t>((out[8] & 0x3f) | 0x80);
}

}  // namespace boxlite::image
