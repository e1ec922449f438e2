#include "store/layout.h"

#include <algorithm>

#include "base/sys.h"
#include "base/sys_files.h"
#include "oci/digest.h"

namespace boxlite::store {
namespace {

constexpr size_t kMaxIndex = 16 * 1024 * 1024;
constexpr const char* kLayoutText = "{\"imageLayoutVersion\":\"1.0.0\"}";
constexpr const char* kEmptyIndex = "{\"schemaVersion\":2,\"manifests\":[]}";

// The entries of the index in parameter 1 that are not ours and whose name none of ours has.
#define FOREIGN_ENTRIES                                                                         \
  "SELECT value AS entry FROM json_each(?1, '$.manifests') WHERE type = 'object' "              \
  "AND json_extract(value, '$.annotations.\"dev.boxlite.reference\"') IS NULL "                 \
  "AND ifnull(json_extract(value, '$.annotations.\"org.opencontainers.image.ref.name\"'), '') " \
  "NOT IN (SELECT reference FROM refs) "

// A name that begins with "oci:" is a directory here and no reference elsewhere.
constexpr const char* kNewIndex =
    "SELECT json_object('schemaVersion', 2, 'mediaType', "
    "'application/vnd.oci.image.index.v1+json', 'manifests', json_group_array(json(entry))) FROM ("
    "SELECT * FROM (" FOREIGN_ENTRIES
    ") UNION ALL SELECT * FROM ("
    "SELECT json_object('mediaType', i.media_type, 'digest', i.digest, 'size', i.manifest_size, "
    "'annotations', iif(r.reference GLOB 'oci:*', json_object('dev.boxlite.reference', "
    "r.reference), json_object('org.opencontainers.image.ref.name', r.reference, "
    "'dev.boxlite.reference', r.reference)), 'platform', json_object('architecture', "
    "i.architecture, 'os', i.os)) AS entry FROM refs r JOIN images i ON i.digest = r.digest "
    "ORDER BY r.reference))";

constexpr const char* kHasForeign = "SELECT EXISTS (" FOREIGN_ENTRIES ")";

constexpr const char* kNames =
    "SELECT EXISTS (SELECT 1 FROM json_each(?1, '$.manifests') WHERE type = 'object' AND "
    "json_extract(value, '$.annotations.\"org.opencontainers.image.ref.name\"') = ?2)";

Result<std::string> ReadIndexFile(const Home& home) {
  Result<std::string> text = sys::ReadFileAt(home.images(), "index.json", kMaxIndex);
  if (text.ok()) return text;
  if (text.error().code() == Code::kNotFound) return std::string();
  return text.TakeError().Context(home.path() + "/images").WithCode(Code::kStorage);
}

// What is no JSON lists nothing.
Result<std::string> Usable(Database& database, const std::string& text) {
  Statement valid = BOXLITE_TRY(Statement::Prepare(database, "SELECT json_valid(?)"));
  valid.Bind(text);
  bool row = BOXLITE_TRY(valid.Step());
  return row && valid.Number(0) == 1 ? text : std::string(kEmptyIndex);
}

Result<void> ReplaceFile(int dir_fd, const std::string& name, std::string_view text) {
  std::string draft = name + ".new";
  UniqueFd file =
      BOXLITE_TRY(sys::OpenAt(dir_fd, draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  Result<void> written = sys::WriteAll(file.get(), AsBytes(text));
  if (written.ok()) written = sys::Sync(file.get());
  if (!written.ok()) return written.TakeError().Context(draft);
  return sys::RenameAt(dir_fd, draft, dir_fd, name);
}

// The size of a plain file; nothing where there is none of that name.
Result<std::optional<uint64_t>> PlainSize(int dir_fd, const Blob& blob) {
  if (dir_fd < 0) return std::optional<uint64_t>();
  Result<struct stat> info = sys::StatAt(dir_fd, blob.hex, AT_SYMLINK_NOFOLLOW);
  if (!info.ok() && info.error().code() == Code::kNotFound) return std::optional<uint64_t>();
  if (!info.ok()) return info.TakeError();
  if (!S_ISREG(info.value().st_mode))
    return Error(Code::kImage, "blob sha256:" + blob.hex + " is not a plain file");
  auto size = static_cast<uint64_t>(info.value().st_size);
  if (blob.size && *blob.size != size)
    return Error(Code::kImage, "blob sha256:" + blob.hex + " has " + std::to_string(size) +
                                   " bytes and not " + std::to_string(*blob.size));
  return std::optional<uint64_t>(size);
}

Result<uint64_t> StoredSize(const Home& home, const Blob& blob) {
  std::optional<uint64_t> size = BOXLITE_TRY(PlainSize(home.blobs(), blob));
  if (!size) return Error(Code::kImage, "blob sha256:" + blob.hex + " is missing", "pull again");
  return *size;
}

// The size of a staged blob, which is on the disk now; nothing where there is none, perhaps because
// another process that waited for the same job has placed it a moment ago.
Result<std::optional<uint64_t>> SyncStaged(int staging_fd, const Blob& blob) {
  std::optional<uint64_t> size = BOXLITE_TRY(PlainSize(staging_fd, blob));
  if (!size) return size;
  Result<UniqueFd> file = sys::OpenAt(staging_fd, blob.hex, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file.ok() && file.error().code() == Code::kNotFound) return std::optional<uint64_t>();
  if (!file.ok()) return file.TakeError();
  BOXLITE_TRY(sys::Sync(file.value().get()));
  return size;
}

}  // namespace

Result<std::vector<Blob>> BlobsOf(const ImageRecord& image) {
  std::vector<Blob> blobs;
  auto add = [&](const std::string& text, std::optional<uint64_t> size) -> Result<void> {
    Result<oci::Digest> digest = oci::Digest::Parse(text);
    if (!digest.ok()) return digest.TakeError().Context("image " + image.reference);
    blobs.push_back({digest.value().hex(), size});
    return {};
  };
  BOXLITE_TRY(add(image.digest, std::nullopt));
  BOXLITE_TRY(add(image.config_digest, std::nullopt));
  for (const LayerRecord& layer : image.layers) BOXLITE_TRY(add(layer.digest, layer.size));
  return blobs;
}

Result<uint64_t> SyncBlobs(const Home& home, int staging_fd, const std::vector<Blob>& blobs) {
  uint64_t manifest_size = 0;
  for (const Blob& blob : blobs) {
    std::optional<uint64_t> size = BOXLITE_TRY(SyncStaged(staging_fd, blob));
    if (!size) size = BOXLITE_TRY(StoredSize(home, blob));
    if (&blob == &blobs.front()) manifest_size = *size;
  }
  return manifest_size;
}

Result<void> PlaceBlobs(const Home& home, int staging_fd, const std::vector<Blob>& blobs) {
  for (const Blob& blob : blobs) {
    // What is stored already is replaced: it may have been damaged, and each conversion hashes
    // again what it reads. What is gone from staging another process has placed.
    if (staging_fd >= 0) {
      Result<void> moved = sys::RenameAt(staging_fd, blob.hex, home.blobs(), blob.hex);
      if (!moved.ok() && moved.error().code() != Code::kNotFound) return moved;
    }
    BOXLITE_TRY(StoredSize(home, blob));
  }
  return sys::Sync(home.blobs());
}

Result<void> WriteIndex(const Home& home, Database& database) {
  std::string old = BOXLITE_TRY(ReadIndexFile(home));
  // A home without images costs no write to the disk.
  if (old.empty() && BOXLITE_TRY(database.ReadNumber("SELECT count(*) FROM refs")) == 0) return {};
  std::string usable = BOXLITE_TRY(Usable(database, old));
  Statement statement = BOXLITE_TRY(Statement::Prepare(database, kNewIndex));
  statement.Bind(usable);
  BOXLITE_TRY(statement.Step());
  std::string text = statement.Text(0);
  if (text == old) return {};
  if (!sys::StatAt(home.images(), "oci-layout").ok())
    BOXLITE_TRY(ReplaceFile(home.images(), "oci-layout", kLayoutText));
  return ReplaceFile(home.images(), "index.json", text);
}

Result<bool> IndexHasForeignEntries(const Home& home, Database& database) {
  std::string old = BOXLITE_TRY(ReadIndexFile(home));
  std::string text = BOXLITE_TRY(Usable(database, old));
  Statement statement = BOXLITE_TRY(Statement::Prepare(database, kHasForeign));
  statement.Bind(text);
  BOXLITE_TRY(statement.Step());
  return statement.Number(0) == 1;
}

Result<bool> IndexNames(const Home& home, Database& database, const std::string& reference) {
  std::string old = BOXLITE_TRY(ReadIndexFile(home));
  std::string text = BOXLITE_TRY(Usable(database, old));
  Statement statement = BOXLITE_TRY(Statement::Prepare(database, kNames));
  statement.Bind(text);
  statement.Bind(reference);
  BOXLITE_TRY(statement.Step());
  return statement.Number(0) == 1;
}

}  // namespace boxlite::store
