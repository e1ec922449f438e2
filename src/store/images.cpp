// The images' half of Store: records, and putting blobs where they belong.
#include <algorithm>
#include <charconv>
#include <map>

#include "base/sys.h"
#include "base/sys_files.h"
#include "oci/digest.h"
#include "oci/reference.h"
#include "store/database.h"
#include "store/layout.h"
#include "store/store.h"

namespace boxlite::store {
namespace {

constexpr size_t kTextsOfALayer = 4;
constexpr size_t kTextsOfAStep = 4;
constexpr size_t kMinDigestDigits = 4;  // of a digest's beginning that names an image
constexpr std::string_view kAlgorithm = "sha256:";

constexpr const char* kSelect =
    "SELECT ifnull(r.reference, ''), i.digest, i.media_type, i.manifest_size, i.config_digest, "
    "ifnull(r.source, ''), ifnull(r.pulled_at_ms, 0), i.size, i.architecture, i.os, i.created, "
    "i.entrypoint, i.cmd, i.env, i.working_dir, i.user, i.layers, i.labels, i.history "
    "FROM images i LEFT JOIN refs r ON r.digest = i.digest ";

std::vector<std::string> FlattenLayers(const std::vector<LayerRecord>& layers) {
  std::vector<std::string> texts;
  for (const LayerRecord& layer : layers) {
    texts.insert(texts.end(),
                 {layer.digest, layer.media_type, layer.diff_id, std::to_string(layer.size)});
  }
  return texts;
}

Result<std::vector<LayerRecord>> UnflattenLayers(const std::vector<std::string>& texts) {
  std::vector<LayerRecord> layers;
  for (size_t i = 0; i + kTextsOfALayer <= texts.size(); i += kTextsOfALayer) {
    LayerRecord layer{texts[i], texts[i + 1], texts[i + 2], 0};
    const std::string& size = texts[i + 3];
    if (std::from_chars(size.data(), size.data() + size.size(), layer.size).ec != std::errc())
      return Error(Code::kDatabase, "the layers of an image in the records are damaged");
    layers.push_back(std::move(layer));
  }
  return layers;
}

std::vector<std::string> FlattenHistory(const std::vector<HistoryRecord>& history) {
  std::vector<std::string> texts;
  for (const HistoryRecord& step : history) {
    texts.insert(texts.end(), {step.created, step.created_by, step.comment,
                               step.empty_layer != 0 ? "empty" : ""});
  }
  return texts;
}

std::vector<HistoryRecord> UnflattenHistory(const std::vector<std::string>& texts) {
  std::vector<HistoryRecord> history;
  for (size_t i = 0; i + kTextsOfAStep <= texts.size(); i += kTextsOfAStep) {
    auto empty_layer = static_cast<uint8_t>(texts[i + 3].empty() ? 0 : 1);
    history.push_back({texts[i], texts[i + 1], texts[i + 2], empty_layer});
  }
  return history;
}

Result<ImageRecord> ReadImage(Statement& row) {
  ImageRecord image;
  image.reference = row.Text(0);
  image.digest = row.Text(1);
  image.media_type = row.Text(2);
  image.manifest_size = static_cast<uint64_t>(row.Number(3));
  image.config_digest = row.Text(4);
  image.source = row.Text(5);
  image.pulled_at_ms = row.Number(6);
  image.size = static_cast<uint64_t>(row.Number(7));
  image.architecture = row.Text(8);
  image.os = row.Text(9);
  image.created = row.Text(10);
  image.entrypoint = BOXLITE_TRY(row.List(11));
  image.cmd = BOXLITE_TRY(row.List(12));
  image.env = BOXLITE_TRY(row.List(13));
  image.working_dir = row.Text(14);
  image.user = row.Text(15);
  std::vector<std::string> layers = BOXLITE_TRY(row.List(16));
  image.layers = BOXLITE_TRY(UnflattenLayers(layers));
  image.labels = BOXLITE_TRY(row.List(17));
  std::vector<std::string> history = BOXLITE_TRY(row.List(18));
  image.history = UnflattenHistory(history);
  return image;
}

uint64_t DiskBytes(const Home& home, const std::string& digest) {
  Result<oci::Digest> parsed = oci::Digest::Parse(digest);
  return parsed.ok() ? BytesBelow(home.rootfs(), parsed.value().hex() + kDiskSuffix) : 0;
}

// What is not in the images' own rows.
Result<void> Complete(const Home& home, Database& database, std::vector<ImageRecord>& images) {
  Statement statement = BOXLITE_TRY(
      Statement::Prepare(database, "SELECT digest, reference FROM refs ORDER BY reference"));
  std::map<std::string, std::vector<std::string>> references;
  while (BOXLITE_TRY(statement.Step())) references[statement.Text(0)].push_back(statement.Text(1));
  for (ImageRecord& image : images) {
    image.references = references[image.digest];
    image.disk_bytes = DiskBytes(home, image.digest);
  }
  return {};
}

Result<std::vector<ImageRecord>> Select(const Home& home, Database& database, std::string_view tail,
                                        std::string_view parameter) {
  std::string sql = kSelect;
  Statement statement = BOXLITE_TRY(Statement::Prepare(database, sql.append(tail)));
  if (tail.find('?') != std::string_view::npos) statement.Bind(parameter);
  std::vector<ImageRecord> images;
  while (BOXLITE_TRY(statement.Step())) images.push_back(BOXLITE_TRY(ReadImage(statement)));
  BOXLITE_TRY(Complete(home, database, images));
  return images;
}

Error NoSuchImage(const std::string& name) {
  return Error(Code::kNotFound, "image " + name + " is not stored here", "pull it first");
}

Result<void> WriteImage(Database& database, const ImageRecord& image) {
  Statement statement = BOXLITE_TRY(Statement::Prepare(
      database,
      "INSERT OR REPLACE INTO images (digest, media_type, manifest_size, config_digest, size, "
      "architecture, os, created, entrypoint, cmd, env, working_dir, user, layers, labels, "
      "history) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  statement.Bind(image.digest);
  statement.Bind(image.media_type);
  statement.Bind(static_cast<int64_t>(image.manifest_size));
  statement.Bind(image.config_digest);
  statement.Bind(static_cast<int64_t>(image.size));
  for (const std::string* text : {&image.architecture, &image.os, &image.created})
    statement.Bind(*text);
  for (const auto* list : {&image.entrypoint, &image.cmd, &image.env})
    statement.BindBlob(EncodeList(*list));
  statement.Bind(image.working_dir);
  statement.Bind(image.user);
  statement.BindBlob(EncodeList(FlattenLayers(image.layers)));
  statement.BindBlob(EncodeList(image.labels));
  statement.BindBlob(EncodeList(FlattenHistory(image.history)));
  return statement.Run();
}

Result<void> WriteReference(Database& database, const ImageRecord& image) {
  Statement statement = BOXLITE_TRY(Statement::Prepare(
      database,
      "INSERT OR REPLACE INTO refs (reference, digest, source, pulled_at_ms) VALUES (?, ?, ?, ?)"));
  statement.Bind(image.reference);
  statement.Bind(image.digest);
  statement.Bind(image.source);
  statement.Bind(image.pulled_at_ms);
  return statement.Run();
}

// kBusy, naming a box that has the image from that reference.
Result<void> CheckUnused(Database& database, const std::string& reference) {
  Statement statement = BOXLITE_TRY(Statement::Prepare(
      database,
      "SELECT iif(b.name <> '', b.name, b.id), count(*) FROM boxes b JOIN refs r ON r.digest = "
      "b.image_digest AND r.reference = b.reference WHERE r.reference = ? HAVING count(*) > 0"));
  statement.Bind(reference);
  if (!BOXLITE_TRY(statement.Step())) return {};
  int64_t others = statement.Number(1) - 1;
  std::string more = others == 0 ? "" : " and " + std::to_string(others) + " more";
  return Error(Code::kBusy, "image " + reference + " is used by box " + statement.Text(0) + more,
               "remove the boxes made from it first");
}

// What may be the beginning of a digest's hexadecimal part; empty where it is none.
std::string DigestBeginning(std::string_view name) {
  if (name.starts_with(kAlgorithm)) name.remove_prefix(kAlgorithm.size());
  bool hex = name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return hex && name.size() >= kMinDigestDigits ? std::string(name) : std::string();
}

}  // namespace

Result<ImageRecord> Store::GetImage(const std::string& reference) {
  std::lock_guard lock(mutex_);
  std::vector<ImageRecord> images =
      BOXLITE_TRY(Select(*home_, *database_, "WHERE r.reference = ?", reference));
  if (images.empty()) return NoSuchImage(reference);
  return std::move(images.front());
}

Result<ImageRecord> Store::GetImageByDigest(const std::string& digest) {
  std::lock_guard lock(mutex_);
  std::vector<ImageRecord> images =
      BOXLITE_TRY(Select(*home_, *database_, "WHERE i.digest = ?", digest));
  if (images.empty()) return NoSuchImage(digest);
  return std::move(images.front());
}

Result<ImageRecord> Store::FindImage(const std::string& name) {
  Result<oci::Reference> reference = oci::ParseReference(name);
  Result<ImageRecord> image = GetImage(reference.ok() ? reference.value().Canonical() : name);
  if (image.ok() || image.error().code() != Code::kNotFound) return image;
  std::string beginning = DigestBeginning(name);
  if (beginning.empty()) return NoSuchImage(name);
  std::lock_guard lock(mutex_);
  // Hexadecimal digits only, so GLOB knows no special character in it.
  std::vector<ImageRecord> found =
      BOXLITE_TRY(Select(*home_, *database_,
                         "WHERE i.digest GLOB 'sha256:' || ? || '*' GROUP BY i.digest", beginning));
  if (found.empty()) return NoSuchImage(name);
  if (found.size() > 1)
    return Error(
        Code::kInvalidArgument,
        std::to_string(found.size()) + " images have a digest that begins with " + beginning,
        "give more of the digest");
  return std::move(found.front());
}

Result<std::vector<ImageRecord>> Store::ListImages() {
  std::lock_guard lock(mutex_);
  return Select(*home_, *database_, "WHERE r.reference IS NOT NULL ORDER BY r.reference", {});
}

Result<void> Store::CommitImage(const ImageRecord& image, int staging_fd) {
  std::vector<Blob> blobs = BOXLITE_TRY(BlobsOf(image));
  // Writing through to the disk takes long, so it is done before anybody is kept waiting.
  ImageRecord written = image;
  written.manifest_size = BOXLITE_TRY(SyncBlobs(*home_, staging_fd, blobs));
  std::lock_guard lock(mutex_);
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
  BOXLITE_TRY(PlaceBlobs(*home_, staging_fd, blobs));
  BOXLITE_TRY(WriteImage(*database_, written));
  BOXLITE_TRY(WriteReference(*database_, written));
  BOXLITE_TRY(WriteIndex(*home_, *database_));
  return transaction.Commit();
}

Result<void> Store::TagImage(const std::string& name, const std::string& reference) {
  ImageRecord image = BOXLITE_TRY(FindImage(name));
  std::lock_guard lock(mutex_);
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
  std::vector<ImageRecord> still =
      BOXLITE_TRY(Select(*home_, *database_, "WHERE i.digest = ?", image.digest));
  if (still.empty()) return NoSuchImage(name);
  image.reference = reference;
  BOXLITE_TRY(WriteReference(*database_, image));
  BOXLITE_TRY(WriteIndex(*home_, *database_));
  return transaction.Commit();
}

Result<void> Store::RemoveImage(const std::string& reference) {
  {
    std::lock_guard lock(mutex_);
    Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
    BOXLITE_TRY(CheckUnused(*database_, reference));
    int64_t removed =
        BOXLITE_TRY(RunWith(*database_, "DELETE FROM refs WHERE reference = ?", reference));
    if (removed == 0) return NoSuchImage(reference);
    BOXLITE_TRY(WriteIndex(*home_, *database_));
    BOXLITE_TRY(transaction.Commit());
  }
  return CollectGarbage();
}

Result<bool> Store::LayoutNames(const std::string& reference) {
  std::lock_guard lock(mutex_);
  return IndexNames(*home_, *database_, reference);
}

}  // namespace boxlite::store
