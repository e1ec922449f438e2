#include "image/tar_layer.h"

#include <archive.h>
#include <archive_entry.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "image/limits.h"
#include "image/tar_reader.h"

namespace boxlite::image {
namespace {

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kWhiteoutMeta = ".wh..wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr uint32_t kMaxMajor = 4095, kMaxMinor = (1 << 20) - 1;

Error Bad(std::string message) {
  return Error(Code::kImage, std::move(message));
}

bool StartsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

// Attributes that ext4 can hold and that mean nothing to the overlay on top.
bool IsKept(std::string_view name) {
  if (StartsWith(name, "trusted.")) return !StartsWith(name, "trusted.overlay.");
  return StartsWith(name, "user.") || StartsWith(name, "security.") ||
         name == "system.posix_acl_access" || name == "system.posix_acl_default";
}

class LayerReader {
 public:
  LayerReader(const NextBytes& next, Tree& tree, DataWriter& data, Budget& budget)
      : next_(next), tree_(tree), data_(data), budget_(budget), reader_(next) {}

  Result<void> Run();

 private:
  Result<void> Apply(archive_entry* entry, std::string_view path);
  Result<void> ApplyWhiteout(std::string_view directory, std::string_view name);
  Result<std::optional<Inode>> Describe(archive_entry* entry);
  Result<bool> DescribeType(archive_entry* entry, Inode& inode);
  Result<void> DescribeXattrs(archive_entry* entry, Inode& inode);
  Result<void> ReadContents(archive_entry* entry, Inode& inode);
  Result<void> CopyData(uint64_t size);
  Result<void> Drain();

  const NextBytes& next_;
  Tree& tree_;
  DataWriter& data_;
  Budget& budget_;
  TarReader reader_;
};

Result<void> LayerReader::Run() {
  for (;;) {
    archive_entry* entry = BOXLITE_TRY(reader_.Next());
    if (entry == nullptr) return Drain();
    if (++budget_.entries > budget_.max_entries)
      return Bad("the image has more than " + std::to_string(budget_.max_entries) + " entries");
    std::string path = BOXLITE_TRY(TarReader::PathOf(entry));
    Result<void> applied = Apply(entry, path);
    if (!applied.ok()) {
      if (applied.error().code() != Code::kImage) return applied;
      return applied.TakeError().Context("entry \"" + ShownPath(path) + "\"");
    }
  }
}

// The diff id covers the whole stream, also the zeros that fill it up.
Result<void> LayerReader::Drain() {
  for (;;) {
    ByteSpan bytes = BOXLITE_TRY(next_());
    if (bytes.empty()) return {};
  }
}

Result<void> LayerReader::Apply(archive_entry* entry, std::string_view path) {
  std::string_view trimmed = path;
  while (!trimmed.empty() && trimmed.back() == '/') trimmed.remove_suffix(1);
  size_t slash = trimmed.rfind('/');
  bool has_directory = slash != std::string_view::npos;
  std::string_view name = has_directory ? trimmed.substr(slash + 1) : trimmed;
  if (StartsWith(name, kWhiteout))
    return ApplyWhiteout(has_directory ? trimmed.substr(0, slash) : std::string_view(), name);

  const char* target = archive_entry_hardlink(entry);
  if (target != nullptr) return tree_.Link(path, target);
  std::optional<Inode> inode = BOXLITE_TRY(Describe(entry));
  if (!inode) return {};
  if (inode->type == FileType::kRegular) BOXLITE_TRY(ReadContents(entry, *inode));
  return tree_.Put(path, std::move(*inode));
}

Result<void> LayerReader::ApplyWhiteout(std::string_view directory, std::string_view name) {
  if (name == kOpaque) return tree_.Opaque(directory);
  if (StartsWith(name, kWhiteoutMeta)) return {};
  std::string_view hidden = name.substr(kWhiteout.size());
  if (hidden.empty() || hidden == "." || hidden == "..")
    return Bad("a whiteout that hides no name");
  std::string path(directory);
  path += '/';
  path += hidden;
  return tree_.Whiteout(path);
}

Result<std::optional<Inode>> LayerReader::Describe(archive_entry* entry) {
  Inode inode;
  if (!BOXLITE_TRY(DescribeType(entry, inode))) return std::optional<Inode>();
  la_int64_t uid = archive_entry_uid(entry), gid = archive_entry_gid(entry);
  if (uid < 0 || uid > UINT32_MAX || gid < 0 || gid > UINT32_MAX)
    return Bad("its owner's number is out of range");
  inode.permissions = static_cast<uint16_t>(archive_entry_perm(entry) & 07777);
  inode.uid = static_cast<uint32_t>(uid);
  inode.gid = static_cast<uint32_t>(gid);
  inode.mtime_s = archive_entry_mtime(entry);
  long nanoseconds = archive_entry_mtime_nsec(entry);
  if (nanoseconds >= 0 && nanoseconds < 1'000'000'000)
    inode.mtime_ns = static_cast<uint32_t>(nanoseconds);
  BOXLITE_TRY(DescribeXattrs(entry, inode));
  return std::optional<Inode>(std::move(inode));
}

// False for an entry that is left out.
Result<bool> LayerReader::DescribeType(archive_entry* entry, Inode& inode) {
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
      inode.type = FileType::kRegular;
      return true;
    case AE_IFDIR:
      inode.type = FileType::kDirectory;
      return true;
    case AE_IFIFO:
      inode.type = FileType::kFifo;
      return true;
    case AE_IFLNK: {
      const char* target = archive_entry_symlink(entry);
      inode.type = FileType::kSymlink;
      inode.target = target != nullptr ? target : "";
      if (inode.target.empty() || inode.target.size() > kMaxSymlinkTarget)
        return Bad("its symbolic link is empty or longer than " +
                   std::to_string(kMaxSymlinkTarget) + " bytes");
      return true;
    }
    case AE_IFCHR:
    case AE_IFBLK: {
      bool character = archive_entry_filetype(entry) == AE_IFCHR;
      dev_t major = archive_entry_rdevmajor(entry), minor = archive_entry_rdevminor(entry);
      if (major > kMaxMajor || minor > kMaxMinor) return Bad("its device number is out of range");
      inode.type = character ? FileType::kCharDevice : FileType::kBlockDevice;
      inode.major = static_cast<uint32_t>(major);
      inode.minor = static_cast<uint32_t>(minor);
      return !(character && major == 0 && minor == 0);
    }
    default:
      return Bad("it is of a kind that an image cannot hold");
  }
}

Result<void> LayerReader::DescribeXattrs(archive_entry* entry, Inode& inode) {
  size_t total = 0;
  archive_entry_xattr_reset(entry);
  const char* name = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  while (archive_entry_xattr_next(entry, &name, &value, &size) == ARCHIVE_OK) {
    if (name == nullptr || !IsKept(name)) continue;
    Xattr xattr{name, std::string(static_cast<const char*>(value), size)};
    total += xattr.name.size() + size;
    if (inode.xattrs.size() == kMaxXattrs || xattr.name.size() > kMaxXattrName ||
        total > kMaxXattrBytes)
      return Bad("its extended attributes are larger than " + std::to_string(kMaxXattrBytes) +
                 " bytes");
    inode.xattrs.push_back(std::move(xattr));
  }
  return {};
}

Result<void> LayerReader::ReadContents(archive_entry* entry, Inode& inode) {
  la_int64_t size = archive_entry_size(entry);
  if (size < 0 || static_cast<uint64_t>(size) > kMaxFileSize)
    return Bad("it is larger than " + std::to_string(kMaxFileSize / kGib) + " GiB");
  inode.size = static_cast<uint64_t>(size);
  Result<void> copied = CopyData(inode.size);
  Result<std::vector<Extent>> extents = data_.Finish();
  BOXLITE_TRY(std::move(copied));
  inode.extents = BOXLITE_TRY(std::move(extents));
  return {};
}

Result<void> LayerReader::CopyData(uint64_t size) {
  uint64_t at = 0;
  for (;;) {
    TarReader::Piece piece = BOXLITE_TRY(reader_.ReadPiece(at, size));
    if (piece.data.empty()) return {};
    budget_.bytes += piece.data.size();
    if (budget_.bytes > budget_.max_bytes)
      return Bad("the image's files are larger than " + SizeText(budget_.max_bytes) + " together");
    BOXLITE_TRY(data_.Skip(piece.offset - at));
    BOXLITE_TRY(data_.Append(piece.data));
    at = piece.offset + piece.data.size();
  }
}

}  // namespace

Result<void> ApplyLayer(const NextBytes& next, Tree& tree, DataWriter& data, Budget& budget) {
  return LayerReader(next, tree, data, budget).Run();
}

}  // namespace boxlite::image
