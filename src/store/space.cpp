// What the home directory takes on the disk, and getting it back. Records go before their files: a
// crash in between leaves files that nobody names, and never a name without its files.
#include <set>

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_files.h"
#include "store/database.h"
#include "store/in_use.h"
#include "store/layout.h"
#include "store/store.h"

namespace boxlite::store {
namespace {

constexpr int64_t kStagingLifeS = int64_t{24} * 60 * 60;
constexpr int64_t kDraftLifeS = 60 * 60;

// The images that boxes have, and those that boxes that never started would get.
#define DIGESTS_OF_BOXES                                                   \
  "SELECT image_digest FROM boxes WHERE image_digest <> '' UNION "         \
  "SELECT r.digest FROM boxes b JOIN refs r ON r.reference = b.reference " \
  "WHERE b.image_digest = ''"

constexpr const char* kWithoutBox =
    "SELECT digest, reference FROM refs WHERE digest NOT IN (" DIGESTS_OF_BOXES ") ORDER BY digest";
constexpr const char* kUnnamed =
    "SELECT digest FROM images WHERE digest NOT IN (SELECT digest FROM refs) "
    "AND digest NOT IN (SELECT image_digest FROM boxes)";
constexpr const char* kAllBlobs = "SELECT digest, config_digest, layers FROM images";
constexpr const char* kBlobsOfBoxes =
    "SELECT digest, config_digest, layers FROM images WHERE digest IN (" DIGESTS_OF_BOXES ")";
constexpr const char* kAllImages = "SELECT digest FROM images";
constexpr const char* kImagesOfBoxes =
    "SELECT digest FROM images WHERE digest IN (" DIGESTS_OF_BOXES ")";

#undef DIGESTS_OF_BOXES

using Digests = std::set<std::string>;

Result<Digests> BlobsOf(Database& database, const char* sql) {
  Statement statement = BOXLITE_TRY(Statement::Prepare(database, sql));
  Digests blobs;
  while (BOXLITE_TRY(statement.Step())) {
    blobs.insert({statement.Text(0), statement.Text(1)});
    std::vector<std::string> layers = BOXLITE_TRY(statement.List(2));
    blobs.insert(layers.begin(), layers.end());  // More than the digests, which does no harm.
  }
  return blobs;
}

Result<Digests> ImagesOf(Database& database, const char* sql) {
  Statement statement = BOXLITE_TRY(Statement::Prepare(database, sql));
  Digests digests;
  while (BOXLITE_TRY(statement.Step())) digests.insert(statement.Text(0));
  return digests;
}

// The digest that a file is named by.
std::string DigestOf(const std::string& name, std::string_view suffix) {
  std::string digest = "sha256:" + name;
  if (digest.ends_with(suffix)) digest.resize(digest.size() - suffix.size());
  return digest;
}

Result<uint64_t> RemoveUnused(int dir_fd, const Digests& used, std::string_view suffix) {
  uint64_t bytes = 0;
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(dir_fd))) {
    if (used.count(DigestOf(name, suffix)) != 0) continue;
    bytes += BytesBelow(dir_fd, name);
    BOXLITE_TRY(sys::UnlinkAt(dir_fd, name));
  }
  return bytes;
}

bool OlderThan(int dir_fd, const std::string& name, int64_t seconds) {
  Result<struct stat> info = sys::StatAt(dir_fd, name, AT_SYMLINK_NOFOLLOW);
  return info.ok() && info.value().st_mtime <= RealtimeMs() / 1000 - seconds;
}

// A job that nobody works on is garbage; what a fetch has staged is kept for some time, for the
// next try. A load is never tried again under the same key. The bytes that are free then.
Result<uint64_t> RemoveJob(int jobs_fd, const std::string& key, int64_t staging_life_s) {
  bool staged = sys::StatAt(jobs_fd, key + "/staging").ok() && !key.starts_with(kLoadJob);
  if (staged && !OlderThan(jobs_fd, key + "/lock", staging_life_s)) return uint64_t{0};
  Result<UniqueFd> lock = sys::OpenAt(jobs_fd, key + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!lock.ok()) return uint64_t{0};  // Somebody else removed it.
  // Held until it is gone: who takes it next finds that its lock has lost its name, and begins
  // again.
  if (!BOXLITE_TRY(sys::LockExclusive(lock.value().get(), sys::LockWait::kNo))) return uint64_t{0};
  uint64_t bytes = BytesBelow(jobs_fd, key);
  BOXLITE_TRY(RemoveTree(jobs_fd, key));
  return bytes;
}

Result<void> RemoveOldDrafts(int db_fd) {
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(db_fd))) {
    if (name.rfind("new-", 0) == 0 && OlderThan(db_fd, name, kDraftLifeS))
      BOXLITE_TRY(sys::UnlinkAt(db_fd, name));
  }
  return {};
}

// The files named by digests; `kept` are those that boxes need.
Result<SpaceUse> UseOf(int dir_fd, const Digests& kept, std::string_view suffix) {
  SpaceUse use;
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(dir_fd))) {
    uint64_t bytes = BytesBelow(dir_fd, name);
    bool active = kept.count(DigestOf(name, suffix)) != 0;
    ++use.count;
    use.bytes += bytes;
    use.active += active ? 1 : 0;
    use.reclaimable += active ? 0 : bytes;
  }
  return use;
}

Result<SpaceUse> UseOfBoxes(const Home& home, const std::vector<BoxRecord>& boxes) {
  SpaceUse use;
  for (const BoxRecord& box : boxes) {
    uint64_t bytes = BytesBelow(home.boxes(), box.id);
    bool active = IsActive(box.state);
    ++use.count;
    use.bytes += bytes;
    use.active += active ? 1 : 0;
    use.reclaimable += active ? 0 : bytes;
  }
  return use;
}

Result<SpaceUse> UseOfCache(const Home& home) {
  SpaceUse use;
  for (const std::string& key : BOXLITE_TRY(sys::ListDir(home.jobs()))) {
    Result<UniqueFd> lock = sys::OpenAt(home.jobs(), key + "/lock", O_RDWR | O_NOFOLLOW);
    bool idle =
        lock.ok() && BOXLITE_TRY(sys::LockExclusive(lock.value().get(), sys::LockWait::kNo));
    uint64_t bytes = BytesBelow(home.jobs(), key);
    ++use.count;
    use.bytes += bytes;
    use.active += idle ? 0 : 1;
    use.reclaimable += idle ? bytes : 0;
  }
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(home.templates()))) {
    ++use.count;
    use.bytes += BytesBelow(home.templates(), name);
  }
  return use;
}

}  // namespace

Result<void> Store::CollectGarbage() {
  Claims claims = BOXLITE_TRY(Claims::Create(*home_));
  bool blobs = BOXLITE_TRY(claims.TakeBlobs());
  std::lock_guard lock(mutex_);
  BOXLITE_TRY(ForgetUnused(claims, nullptr));
  BOXLITE_TRY(RemoveUnusedFiles(blobs ? Blobs::kRemove : Blobs::kKeep));
  BOXLITE_TRY(RemoveJobs(kStagingLifeS));
  return RemoveOldDrafts(home_->db());
}

Result<PruneReport> Store::PruneImages(Prune what) {
  Claims claims = BOXLITE_TRY(Claims::Create(*home_));
  bool blobs = BOXLITE_TRY(claims.TakeBlobs());
  std::lock_guard lock(mutex_);
  PruneReport report;
  BOXLITE_TRY(ForgetUnused(claims, what == Prune::kWithoutBox ? &report.references : nullptr));
  report.bytes += BOXLITE_TRY(RemoveUnusedFiles(blobs ? Blobs::kRemove : Blobs::kKeep));
  report.bytes += BOXLITE_TRY(RemoveJobs(blobs ? 0 : kStagingLifeS));
  BOXLITE_TRY(RemoveOldDrafts(home_->db()));
  return report;
}

Result<void> Store::ForgetReferences(Claims& claims, std::vector<std::string>& gone) {
  {
    Statement unused = BOXLITE_TRY(Statement::Prepare(*database_, kWithoutBox));
    while (BOXLITE_TRY(unused.Step())) {
      if (BOXLITE_TRY(claims.TakeImage(unused.Text(0)))) gone.push_back(unused.Text(1));
    }
  }
  for (const std::string& reference : gone)
    BOXLITE_TRY(RunWith(*database_, "DELETE FROM refs WHERE reference = ?", reference));
  return {};
}

Result<void> Store::ForgetUnused(Claims& claims, std::vector<std::string>* references) {
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
  BOXLITE_TRY(database_->Execute("DELETE FROM boxes WHERE state = 5 AND (flags & 1) <> 0"));
  if (references != nullptr) BOXLITE_TRY(ForgetReferences(claims, *references));
  for (const std::string& digest : BOXLITE_TRY(ImagesOf(*database_, kUnnamed))) {
    if (BOXLITE_TRY(claims.TakeImage(digest)))
      BOXLITE_TRY(RunWith(*database_, "DELETE FROM images WHERE digest = ?", digest));
  }
  BOXLITE_TRY(WriteIndex(*home_, *database_));
  return transaction.Commit();
}

// Inside a transaction, so that nobody commits an image whose blobs are just being removed.
Result<uint64_t> Store::RemoveUnusedFiles(Blobs what) {
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
  BOXLITE_TRY(RemoveUnusedBoxDirs());
  Digests digests = BOXLITE_TRY(ImagesOf(*database_, kAllImages));
  uint64_t bytes = BOXLITE_TRY(RemoveUnused(home_->rootfs(), digests, kDiskSuffix));
  if (what == Blobs::kRemove && !BOXLITE_TRY(IndexHasForeignEntries(*home_, *database_))) {
    Digests blobs = BOXLITE_TRY(BlobsOf(*database_, kAllBlobs));
    bytes += BOXLITE_TRY(RemoveUnused(home_->blobs(), blobs, {}));
  }
  BOXLITE_TRY(transaction.Commit());
  return bytes;
}

Result<uint64_t> Store::RemoveJobs(int64_t staging_life_s) {
  uint64_t bytes = 0;
  for (const std::string& key : BOXLITE_TRY(sys::ListDir(home_->jobs())))
    bytes += BOXLITE_TRY(RemoveJob(home_->jobs(), key, staging_life_s));
  return bytes;
}

Result<DiskUsage> Store::GetDiskUsage() {
  std::vector<BoxRecord> boxes = BOXLITE_TRY(ListBoxes());
  std::lock_guard lock(mutex_);
  DiskUsage usage;
  Digests active = BOXLITE_TRY(ImagesOf(*database_, kImagesOfBoxes));
  Digests all = BOXLITE_TRY(ImagesOf(*database_, kAllImages));
  Digests needed = BOXLITE_TRY(BlobsOf(*database_, kBlobsOfBoxes));
  usage.images = BOXLITE_TRY(UseOf(home_->blobs(), needed, {}));
  usage.images.count = all.size();
  usage.images.active = active.size();
  usage.rootfs = BOXLITE_TRY(UseOf(home_->rootfs(), active, kDiskSuffix));
  usage.boxes = BOXLITE_TRY(UseOfBoxes(*home_, boxes));
  usage.cache = BOXLITE_TRY(UseOfCache(*home_));
  return usage;
}

}  // namespace boxlite::store
