// Ext4FileSystem: libext2fs's file system handle with an owner. It reaches the output through a
// descriptor; nothing is opened by path.
#pragma once

#include <ext2fs/ext2fs.h>

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::image {

// `what` names the attempt: "write an inode".
Result<void> CheckExt2(errcode_t code, const char* what);

class Ext4FileSystem {
 public:
  // Lays an empty file system with `parameters` out in memory; Close writes it to `fd`.
  static Result<Ext4FileSystem> Create(int fd, ext2_super_block parameters);
  Ext4FileSystem(Ext4FileSystem&& other) noexcept;
  Ext4FileSystem& operator=(Ext4FileSystem&&) = delete;
  Ext4FileSystem(const Ext4FileSystem&) = delete;
  Ext4FileSystem& operator=(const Ext4FileSystem&) = delete;
  ~Ext4FileSystem();

  ext2_filsys get() const { return fs_; }
  // Super block, group descriptors and bitmaps; does not wait for the disk.
  Result<void> Close();

 private:
  explicit Ext4FileSystem(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;  // libext2fs knows it by number; outlives fs_
  ext2_filsys fs_ = nullptr;
};

// What both kinds of image have in common: block and inode sizes, revision.
ext2_super_block CommonParameters(uint64_t blocks);

// A random (version 4) UUID whose random bits are `seed`, 16 bytes.
void StoreUuid(const uint8_t* seed, uint8_t* out);

}  // namespace boxlite::image
