// Staging: the directory that a FETCH or IMPORT fills. A blob is written to blobs/sha256/<hex>.part
// while it is hashed, and gets its name when the hash is right; the file `result` comes last. So
// what has a name is whole, whenever the process ends. What a process before us has left whole is
// used; a piece is gone on with where it can be, and thrown away otherwise. A piece's first byte is
// locked while we have it open, so another process can wait until it is whole (convert.h).
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "image/hash.h"
#include "oci/digest.h"

namespace boxlite::image {

class Staging;

// A blob that is being written. Destroyed before Commit it is gone, or, where Resume gave it, stays
// for the next try unless it was found to be wrong.
class StagedBlob {
 public:
  StagedBlob(StagedBlob&& other) noexcept;
  StagedBlob& operator=(StagedBlob&&) = delete;
  StagedBlob(const StagedBlob&) = delete;
  StagedBlob& operator=(const StagedBlob&) = delete;
  ~StagedBlob();

  // Goes on behind what the file holds.
  Result<void> TakeUp();
  // kImage when there is more than was announced.
  Result<void> Append(ByteSpan bytes);
  // Back to the beginning, for another try.
  Result<void> Restart();
  uint64_t written() const { return written_; }
  // kNetwork when it is shorter than announced, kImage when the digest is wrong.
  Result<void> Commit();

 private:
  friend class Staging;
  enum class Piece { kRemove, kKeep };
  StagedBlob(int directory, UniqueFd file, oci::Digest digest, uint64_t size, Piece piece);

  int directory_;  // the staging's; it outlives us
  UniqueFd file_;
  oci::Digest digest_;
  uint64_t size_;
  Piece piece_;
  uint64_t written_ = 0;
  Sha256 hash_;
};

// A blob whose digest is known when it is whole. Destroyed before Commit it is gone.
class SpooledBlob {
 public:
  SpooledBlob(SpooledBlob&& other) noexcept = default;
  SpooledBlob& operator=(SpooledBlob&&) = delete;
  SpooledBlob(const SpooledBlob&) = delete;
  SpooledBlob& operator=(const SpooledBlob&) = delete;
  ~SpooledBlob();

  Result<void> Append(ByteSpan bytes);
  Result<oci::Digest> Commit();

 private:
  friend class Staging;
  SpooledBlob(int directory, UniqueFd file) : directory_(directory), file_(std::move(file)) {}

  int directory_;  // the staging's; it outlives us
  UniqueFd file_;
  Sha256 hash_;
};

// The name of a piece of the blob.
std::string PartName(const oci::Digest& digest);

// What has to hold of a blob that is there: its digest, for which it is read as a whole, or its
// size alone.
enum class Trust : uint8_t { kDigest, kSize };

class Staging {
 public:
  // Both descriptors outlive the object; `store` may be -1.
  static Result<Staging> Open(int directory, int store);

  // Whether the blob is whole in the store or the staging directory already.
  Result<bool> Has(const oci::Digest& digest, uint64_t size, Trust trust = Trust::kDigest) const;
  Result<StagedBlob> Create(const oci::Digest& digest, uint64_t size) const;
  // The same, with what an earlier try has left of it: TakeUp comes first.
  Result<StagedBlob> Resume(const oci::Digest& digest, uint64_t size) const;
  // Removes the pieces of all other blobs.
  Result<void> KeepPieces(const std::vector<oci::Digest>& digests) const;
  // One at a time.
  Result<SpooledBlob> Spool() const;
  // Opens a blob that is whole in the staging directory.
  Result<UniqueFd> Open(const oci::Digest& digest) const;
  // Removes what is staged and not among `kept`.
  Result<void> KeepOnly(const std::set<std::string>& kept) const;
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
