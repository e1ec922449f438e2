#include "image/archive.h"

#include <archive_entry.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "image/limits.h"

namespace boxlite::image {
namespace {

constexpr int kMaxLinkFollows = 8;
constexpr size_t kLegacyIdLength = 64;

Error Bad(std::string message) {
  return Error(Code::kImage, std::move(message));
}

// The components that count; ".." takes one away, as in a link from one layer to another.
std::string Normal(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    size_t slash = std::min(path.find('/'), path.size());
    std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part == "..") {
      if (!parts.empty()) parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
  }
  std::string normal;
  for (std::string_view part : parts) normal.append(normal.empty() ? "" : "/").append(part);
  return normal;
}

bool IsHexId(std::string_view text) {
  return text.size() == kLegacyIdLength &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Whether archives of images have something of that name.
bool IsKnown(const std::string& name) {
  std::string_view first = std::string_view(name).substr(0, name.find('/'));
  bool alone = first.size() == name.size();
  if (first == "blobs" || name.empty()) return true;
  if (!alone) return IsHexId(first);
  return first == "oci-layout" || first == "repositories" || IsHexId(first) ||
         first.ends_with(".json") || first.ends_with(".tar") || first.ends_with(".tar.gz");
}

}  // namespace

Result<Archive> Archive::Read(const NextBytes& next, const Staging& staging) {
  Archive archive;
  TarReader reader(next);
  for (size_t entries = 0;; ++entries) {
    archive_entry* entry = BOXLITE_TRY(reader.Next());
    if (entry == nullptr) return archive;
    if (entries == kMaxArchiveEntries)
      return Bad("the archive has more than " + std::to_string(kMaxArchiveEntries) + " entries");
    Result<void> added = archive.Add(entry, reader, staging);
    if (!added.ok()) {
      if (added.error().code() != Code::kImage) return added.TakeError();
      const char* name = archive_entry_pathname(entry);
      return added.TakeError().Context("entry \"" + ShownPath(name == nullptr ? "" : name) + "\"");
    }
    if (!archive.foreign_.empty()) return archive;
  }
}

Result<void> Archive::Add(archive_entry* entry, TarReader& reader, const Staging& staging) {
  std::string name = Normal(BOXLITE_TRY(TarReader::PathOf(entry)));
  if (name.size() > kMaxPathLength) return Bad("its name is too long");
  if (!IsKnown(name)) {
    foreign_ = name;
    return {};
  }
  const char* hard = archive_entry_hardlink(entry);
  const char* soft = archive_entry_symlink(entry);
  if (hard != nullptr || soft != nullptr) {
    std::string folder = name.substr(0, name.rfind('/') + 1);  // npos + 1 is 0
    links_[name] = Normal(hard != nullptr ? hard : folder + soft);
    return {};
  }
  if (archive_entry_filetype(entry) != AE_IFREG) return {};
  la_int64_t size = archive_entry_size(entry);
  if (size < 0 || static_cast<uint64_t>(size) > kMaxLayerBytes)
    return Bad("it is larger than " + std::to_string(kMaxLayerBytes / kGib) + " GiB");
  SpooledBlob blob = BOXLITE_TRY(staging.Spool());
  ArchivedFile file;
  for (;;) {
    auto piece = BOXLITE_TRY(reader.ReadPiece(file.size, static_cast<uint64_t>(size)));
    if (piece.data.empty()) break;
    if (piece.offset != file.size) return Bad("it is sparse");
    file.size += piece.data.size();
    bytes_ += piece.data.size();
    if (bytes_ > kMaxUnpackedBytes)
      return Bad("the archive's files are larger than " + SizeText(kMaxUnpackedBytes) +
                 " together");
    BOXLITE_TRY(blob.Append(piece.data));
  }
  file.digest = BOXLITE_TRY(blob.Commit());
  sizes_[file.digest.hex()] = file.size;
  files_[name] = std::move(file);
  return {};
}

std::optional<ArchivedFile> Archive::Find(const std::string& name) const {
  std::string at = Normal(name);
  for (int follows = 0; follows <= kMaxLinkFollows; ++follows) {
    auto file = files_.find(at);
    if (file != files_.end()) return file->second;
    auto link = links_.find(at);
    if (link == links_.end()) return std::nullopt;
    at = link->second;
  }
  return std::nullopt;
}

bool Archive::Has(const oci::Digest& digest, uint64_t size) const {
  auto found = sizes_.find(digest.hex());
  return found != sizes_.end() && found->second == size;
}

}  // namespace boxlite::image
