#include "image/staging.h"

#include <utility>
#include <vector>

#include "base/sys.h"
#include "base/sys_files.h"
#include "image/blobs.h"

namespace boxlite::image {
namespace {

constexpr mode_t kFileMode = 0600, kDirectoryMode = 0700;
constexpr const char* kResult = "result";
constexpr const char* kResultPart = "result.part";

constexpr std::string_view kPart = ".part";

bool IsPart(std::string_view name) {
  return name.size() > kPart.size() && name.substr(name.size() - kPart.size()) == kPart;
}

std::string PartName(const oci::Digest& digest) {
  return digest.hex() + std::string(kPart);
}

// A damaged blob is as good as none: it is brought again.
Result<bool> Holds(int directory, const oci::Digest& digest, uint64_t size) {
  Result<UniqueFd> file = BlobSet({directory}).Open(digest);
  if (!file.ok()) return false;
  struct stat info = BOXLITE_TRY(sys::Stat(file.value().get()));
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) != size) return false;
  return BOXLITE_TRY(HashFile(file.value().get())) == digest;
}

Result<void> WriteNew(int directory, const std::string& name, ByteSpan bytes) {
  UniqueFd file =
      BOXLITE_TRY(sys::OpenAt(directory, name, O_WRONLY | O_CREAT | O_TRUNC, kFileMode));
  return sys::WriteAll(file.get(), bytes);
}

}  // namespace

StagedBlob::StagedBlob(int directory, UniqueFd file, oci::Digest digest, uint64_t size)
    : directory_(directory), file_(std::move(file)), digest_(std::move(digest)), size_(size) {}

StagedBlob::StagedBlob(StagedBlob&& other) noexcept
    : directory_(other.directory_),
      file_(std::move(other.file_)),
      digest_(std::move(other.digest_)),
      size_(other.size_),
      written_(other.written_),
      hash_(std::move(other.hash_)) {}

StagedBlob::~StagedBlob() {
  if (file_) static_cast<void>(sys::UnlinkAt(directory_, PartName(digest_)));
}

Result<void> StagedBlob::Append(ByteSpan bytes) {
  if (bytes.size() > size_ - written_)
    return Error(Code::kImage, "blob " + digest_.Text() + " is longer than the " +
                                   std::to_string(size_) + " bytes its manifest says");
  Result<void> written = sys::WriteAll(file_.get(), bytes);
  if (!written.ok()) return written.TakeError().WithCode(Code::kStorage).Context(digest_.Text());
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
  if (found != digest_)
    return Error(Code::kImage, "blob " + digest_.Text() + " came with the digest " + found.Text(),
                 "the registry or what stands before it has damaged the image; push it again");
  BOXLITE_TRY(sys::RenameAt(directory_, PartName(digest_), directory_, digest_.hex()));
  file_.Reset();
  return {};
}

Result<Staging> Staging::Open(int directory, int store) {
  BOXLITE_TRY(sys::MakeDirAt(directory, "blobs", kDirectoryMode));
  BOXLITE_TRY(sys::MakeDirAt(directory, kBlobFolder, kDirectoryMode));
  // A result of an earlier try must not be taken for ours.
  BOXLITE_TRY(sys::UnlinkAt(directory, kResult));
  UniqueFd blobs = BOXLITE_TRY(sys::OpenAt(directory, kBlobFolder, O_RDONLY | O_DIRECTORY));
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(blobs.get())))
    if (IsPart(name)) BOXLITE_TRY(sys::UnlinkAt(blobs.get(), name));
  return Staging(directory, store, std::move(blobs));
}

Result<bool> Staging::Has(const oci::Digest& digest, uint64_t size) const {
  if (store_ >= 0 && BOXLITE_TRY(Holds(store_, digest, size))) return true;
  return Holds(blobs_.get(), digest, size);
}

Result<StagedBlob> Staging::Create(const oci::Digest& digest, uint64_t size) const {
  UniqueFd file = BOXLITE_TRY(
      sys::OpenAt(blobs_.get(), PartName(digest), O_RDWR | O_CREAT | O_TRUNC, kFileMode));
  return StagedBlob(blobs_.get(), std::move(file), digest, size);
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
  Sha256 hash;
  hash.Add(AsBytes(text));
  if (hash.FinishDigest() != digest)
    return Error(Code::kNotFound, "blob " + digest.Text() + " is damaged");
  return text;
}

Result<void> Staging::WriteResult(ByteSpan record) const {
  BOXLITE_TRY(WriteNew(directory_, kResultPart, record));
  return sys::RenameAt(directory_, kResultPart, directory_, kResult);
}

}  // namespace boxlite::image
