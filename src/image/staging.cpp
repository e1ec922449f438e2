#include "image/staging.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/sys.h"
#include "base/sys_files.h"
#include "image/blobs.h"
#include "image/write_failed.h"

namespace boxlite::image {
namespace {

constexpr mode_t kFileMode = 0600, kDirectoryMode = 0700;
constexpr size_t kReadBytes = 256 * 1024;
constexpr const char* kSpool = "spool.part";
constexpr const char* kResult = "result";
constexpr const char* kResultPart = "result.part";

constexpr std::string_view kPart = ".part";

bool IsPart(std::string_view name) {
  return name.size() > kPart.size() && name.substr(name.size() - kPart.size()) == kPart;
}

// A damaged blob is as good as none: it is brought again.
Result<bool> Holds(int directory, const oci::Digest& digest, uint64_t size, Trust trust) {
  Result<UniqueFd> file = BlobSet({directory}).Open(digest);
  if (!file.ok()) return false;
  struct stat info = BOXLITE_TRY(sys::Stat(file.value().get()));
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) != size) return false;
  return trust == Trust::kSize || BOXLITE_TRY(HashFile(file.value().get())) == digest;
}

Result<void> WriteNew(int directory, const std::string& name, ByteSpan bytes) {
  UniqueFd file =
      BOXLITE_TRY(sys::OpenAt(directory, name, O_WRONLY | O_CREAT | O_TRUNC, kFileMode));
  Result<void> written = sys::WriteAll(file.get(), bytes);
  if (!written.ok()) return WriteFailed(written.TakeError(), name);
  return {};
}

}  // namespace

std::string PartName(const oci::Digest& digest) {
  return digest.hex() + std::string(kPart);
}

StagedBlob::StagedBlob(int directory, UniqueFd file, oci::Digest digest, uint64_t size, Piece piece)
    : directory_(directory),
      file_(std::move(file)),
      digest_(std::move(digest)),
      size_(size),
      piece_(piece) {}

StagedBlob::StagedBlob(StagedBlob&& other) noexcept
    : directory_(other.directory_),
      file_(std::move(other.file_)),
      digest_(std::move(other.digest_)),
      size_(other.size_),
      piece_(other.piece_),
      written_(other.written_),
      hash_(std::move(other.hash_)) {}

StagedBlob::~StagedBlob() {
  if (file_ && piece_ == Piece::kRemove)
    static_cast<void>(sys::UnlinkAt(directory_, PartName(digest_)));
}

Result<void> StagedBlob::TakeUp() {
  Bytes buffer(kReadBytes);
  for (;;) {
    size_t count = BOXLITE_TRY(sys::ReadAt(file_.get(), buffer.data(), buffer.size(), written_));
    if (count == 0) break;
    hash_.Add({buffer.data(), count});
    written_ += count;
  }
  if (written_ > size_) return Restart();
  if (::lseek(file_.get(), 0, SEEK_END) < 0) return sys::ErrnoError("seek in a blob");
  return {};
}

Result<void> StagedBlob::Append(ByteSpan bytes) {
  if (bytes.size() > size_ - written_) {
    piece_ = Piece::kRemove;
    return Error(Code::kImage, "blob " + digest_.Text() + " is longer than the " +
                                   std::to_string(size_) + " bytes its manifest says");
  }
  Result<void> written = sys::WriteAll(file_.get(), bytes);
  if (!written.ok()) return WriteFailed(written.TakeError(), "blob " + digest_.Text());
  hash_.Add(bytes);
  written_ += bytes.size();
  return {};
}

Result<void> StagedBlob::Restart() {
  BOXLITE_TRY(sys::Truncate(file_.get(), 0));
  if (::lseek(file_.get(), 0, SEEK_SET) < 0) return sys::ErrnoError("seek in a blob");
  hash_ = Sha256();
  written_ = 0;
  return {};
}

Result<void> StagedBlob::Commit() {
  if (written_ != size_)
    return Error(Code::kNetwork,
                 "blob " + digest_.Text() + " ended after " + std::to_string(written_) + " of " +
                     std::to_string(size_) + " bytes",
                 "try again");
  oci::Digest found = hash_.FinishDigest();
  if (found != digest_) {
    piece_ = Piece::kRemove;
    return Error(Code::kImage, "blob " + digest_.Text() + " came with the digest " + found.Text(),
                 "the registry or what stands before it has damaged the image; push it again");
  }
  BOXLITE_TRY(sys::RenameAt(directory_, PartName(digest_), directory_, digest_.hex()));
  file_.Reset();
  return {};
}

SpooledBlob::~SpooledBlob() {
  if (file_) static_cast<void>(sys::UnlinkAt(directory_, kSpool));
}

Result<void> SpooledBlob::Append(ByteSpan bytes) {
  Result<void> written = sys::WriteAll(file_.get(), bytes);
  if (!written.ok()) return WriteFailed(written.TakeError(), "the staging directory");
  hash_.Add(bytes);
  return {};
}

Result<oci::Digest> SpooledBlob::Commit() {
  oci::Digest digest = hash_.FinishDigest();
  BOXLITE_TRY(sys::RenameAt(directory_, kSpool, directory_, digest.hex()));
  file_.Reset();
  return digest;
}

Result<Staging> Staging::Open(int directory, int store) {
  BOXLITE_TRY(sys::MakeDirAt(directory, "blobs", kDirectoryMode));
  BOXLITE_TRY(sys::MakeDirAt(directory, kBlobFolder, kDirectoryMode));
  // A result of an earlier try must not be taken for ours.
  BOXLITE_TRY(sys::UnlinkAt(directory, kResult));
  UniqueFd blobs = BOXLITE_TRY(sys::OpenAt(directory, kBlobFolder, O_RDONLY | O_DIRECTORY));
  return Staging(directory, store, std::move(blobs));
}

Result<bool> Staging::Has(const oci::Digest& digest, uint64_t size, Trust trust) const {
  if (store_ >= 0 && BOXLITE_TRY(Holds(store_, digest, size, trust))) return true;
  return Holds(blobs_.get(), digest, size, Trust::kDigest);
}

Result<StagedBlob> Staging::Create(const oci::Digest& digest, uint64_t size) const {
  UniqueFd file = BOXLITE_TRY(
      sys::OpenAt(blobs_.get(), PartName(digest), O_RDWR | O_CREAT | O_TRUNC, kFileMode));
  return StagedBlob(blobs_.get(), std::move(file), digest, size, StagedBlob::Piece::kRemove);
}

Result<StagedBlob> Staging::Resume(const oci::Digest& digest, uint64_t size) const {
  UniqueFd file = BOXLITE_TRY(
      sys::OpenAt(blobs_.get(), PartName(digest), O_RDWR | O_CREAT | O_NOFOLLOW, kFileMode));
  // Only a reader of an earlier try could have it; it has nothing to wait for any more.
  BOXLITE_TRY(sys::LockByte(file.get(), 0, sys::LockKind::kExclusive, sys::LockWait::kYes));
  return StagedBlob(blobs_.get(), std::move(file), digest, size, StagedBlob::Piece::kKeep);
}

Result<void> Staging::KeepPieces(const std::vector<oci::Digest>& digests) const {
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(blobs_.get()))) {
    bool wanted = std::any_of(digests.begin(), digests.end(), [&name](const oci::Digest& digest) {
      return name == PartName(digest);
    });
    if (IsPart(name) && !wanted) BOXLITE_TRY(sys::UnlinkAt(blobs_.get(), name));
  }
  return {};
}

Result<SpooledBlob> Staging::Spool() const {
  UniqueFd file =
      BOXLITE_TRY(sys::OpenAt(blobs_.get(), kSpool, O_RDWR | O_CREAT | O_TRUNC, kFileMode));
  return SpooledBlob(blobs_.get(), std::move(file));
}

Result<UniqueFd> Staging::Open(const oci::Digest& digest) const {
  return BlobSet({blobs_.get()}).Open(digest);
}

Result<void> Staging::KeepOnly(const std::set<std::string>& kept) const {
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(blobs_.get()))) {
    if (kept.count(name) == 0) BOXLITE_TRY(sys::UnlinkAt(blobs_.get(), name));
  }
  return {};
}

Result<void> Staging::Put(const oci::Digest& digest, ByteSpan bytes) const {
  if (BOXLITE_TRY(Has(digest, bytes.size()))) return {};
  BOXLITE_TRY(WriteNew(blobs_.get(), PartName(digest), bytes));
  return sys::RenameAt(blobs_.get(), PartName(digest), blobs_.get(), digest.hex());
}

Result<std::string> Staging::Read(const oci::Digest& digest, size_t limit) const {
  std::vector<int> places{blobs_.get()};
  if (store_ >= 0) places.push_back(store_);
  UniqueFd file = BOXLITE_TRY(BlobSet(std::move(places)).Open(digest));
  std::string text = BOXLITE_TRY(sys::ReadFile(file.get(), limit));
  if (DigestOf(text) != digest)
    return Error(Code::kNotFound, "blob " + digest.Text() + " is damaged");
  return text;
}

Result<void> Staging::WriteResult(ByteSpan record) const {
  BOXLITE_TRY(WriteNew(directory_, kResultPart, record));
  return sys::RenameAt(directory_, kResultPart, directory_, kResult);
}

}  // namespace boxlite::image
