// Staging: the directory that a FETCH or IMPORT fills. A blob is written to blobs/sha256/<hex>.part
// while it is hashed, and gets its name when the hash is right; the file `result` comes last. So
// what has a name is whole, whenever the process ends. What a process before us has left whole is
// used; a piece is thrown away.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "image/hash.h"
#include "oci/digest.h"

namespace boxlite::image {

class Staging;

// A blob that is being written. Destroyed before Commit it is gone.
class StagedBlob {
 public:
  StagedBlob(StagedBlob&& other) noexcept;
  StagedBlob& operator=(StagedBlob&&) = delete;
  StagedBlob(const StagedBlob&) = delete;
  StagedBlob& operator=(const StagedBlob&) = delete;
  ~StagedBlob();

  // kImage when there is more than was announced.
  Result<void> Append(ByteSpan bytes);
  // Back to the beginning, for another try.
  Result<void> Restart();
  // kNetwork when it is shorter than announced, kImage when the digest is wrong.
  Result<void> Commit();

 private:
  friend class Staging;
  StagedBlob(int directory, UniqueFd file, oci::Digest digest, uint64_t size);

  int directory_;  // the staging's; it outlives us
  UniqueFd file_;
  oci::Digest digest_;
  uint64_t size_;
  uint64_t written_ = 0;
  Sha256 hash_;
};

class Staging {
 public:
  // Both descriptors outlive the object; `store` may be -1.
  static Result<Staging> Open(int directory, int store);

  // Whether the blob is whole in the store or the staging directory already; it is read and hashed.
  Result<bool> Has(const oci::Digest& digest, uint64_t size) const;
  Result<StagedBlob> Create(const oci::Digest& digest, uint64_t size) const;
  // A small blob that is in memory; its digest is that of `bytes`.
  Result<void> Put(const oci::Digest& digest, ByteSpan bytes) const;
  // A small blob that is there, its digest checked; not-found otherwise.
  Result<std::string> Read(const oci::Digest& digest, size_t limit) const;

  Result<void> WriteResult(ByteSpan record) const;

 private:
  Staging(int directory, int store, UniqueFd blobs)
      : directory_(directory), store_(store), blobs_(std::move(blobs)) {}

  int directory_;
  int store_;
  UniqueFd blobs_;  // blobs/sha256 below directory_
};

}  // namespace boxlite::image
