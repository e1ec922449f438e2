#include "store/store.h"

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_files.h"
#include "store/database.h"
#include "store/layout.h"
#include "store/schema.h"

namespace boxlite::store {
namespace {

constexpr int64_t kStagingLifeS = int64_t{24} * 60 * 60;
constexpr int64_t kDraftLifeS = 60 * 60;
constexpr std::string_view kDiskSuffix = ".ext4";

Result<std::set<std::string>> UsedBlobs(Database& database) {
  Statement statement =
      BOXLITE_TRY(Statement::Prepare(database, "SELECT digest, config_digest, layers FROM images"));
  std::set<std::string> used;
  while (BOXLITE_TRY(statement.Step())) {
    used.insert({statement.Text(0), statement.Text(1)});
    std::vector<std::string> layers = BOXLITE_TRY(statement.List(2));
    used.insert(layers.begin(), layers.end());  // More than the digests, which does no harm.
  }
  return used;
}

Result<std::set<std::string>> RecordedDigests(Database& database) {
  Statement statement = BOXLITE_TRY(Statement::Prepare(database, "SELECT digest FROM images"));
  std::set<std::string> digests;
  while (BOXLITE_TRY(statement.Step())) digests.insert(statement.Text(0));
  return digests;
}

// Removes the files whose name, without `suffix`, is the hexadecimal part of no digest in `used`.
Result<void> RemoveUnused(int dir_fd, const std::set<std::string>& used, std::string_view suffix) {
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(dir_fd))) {
    std::string digest = "sha256:" + name;
    if (digest.ends_with(suffix)) digest.resize(digest.size() - suffix.size());
    if (used.count(digest) == 0) BOXLITE_TRY(sys::UnlinkAt(dir_fd, name));
  }
  return {};
}

bool OlderThan(int dir_fd, const std::string& name, int64_t seconds) {
  Result<struct stat> info = sys::StatAt(dir_fd, name, AT_SYMLINK_NOFOLLOW);
  return info.ok() && info.value().st_mtime < RealtimeMs() / 1000 - seconds;
}

// A job that nobody works on is garbage; what a fetch has staged is kept for a day, for the next
// try.
Result<void> RemoveJob(int jobs_fd, const std::string& key) {
  bool staged = sys::StatAt(jobs_fd, key + "/staging").ok();
  if (staged && !OlderThan(jobs_fd, key + "/lock", kStagingLifeS)) return {};
  Result<UniqueFd> lock = sys::OpenAt(jobs_fd, key + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!lock.ok()) return {};  // Somebody else removed it.
  // Held until it is gone: who takes it next finds that its lock has lost its name, and begins
  // again.
  if (!BOXLITE_TRY(sys::LockExclusive(lock.value().get(), sys::LockWait::kNo))) return {};
  return RemoveTree(jobs_fd, key);
}

Result<void> RemoveOldDrafts(int db_fd) {
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(db_fd))) {
    if (name.rfind("new-", 0) == 0 && OlderThan(db_fd, name, kDraftLifeS))
      BOXLITE_TRY(sys::UnlinkAt(db_fd, name));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Store>> Store::Open(const std::string& home_path, Options options) {
  std::unique_ptr<Home> home = BOXLITE_TRY(Home::Open(home_path));
  std::unique_ptr<Database> database = BOXLITE_TRY(OpenRecords(*home, options.busy_timeout_ms));
  return std::unique_ptr<Store>(new Store(std::move(home), std::move(database)));
}

Store::Store(std::unique_ptr<Home> home, std::unique_ptr<Database> database)
    : home_(std::move(home)), database_(std::move(database)) {}

Store::~Store() = default;

Result<void> Store::CollectGarbage() {
  std::lock_guard lock(mutex_);
  BOXLITE_TRY(ForgetUnused());
  BOXLITE_TRY(RemoveUnusedFiles());
  for (const std::string& key : BOXLITE_TRY(sys::ListDir(home_->jobs())))
    BOXLITE_TRY(RemoveJob(home_->jobs(), key));
  return RemoveOldDrafts(home_->db());
}

// Records go before their files: a crash in between leaves files that nobody names, and never a
// name without its files.
Result<void> Store::ForgetUnused() {
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
  BOXLITE_TRY(
      database_->Execute("DELETE FROM boxes WHERE state = 5 AND (flags & 1) <> 0;"
                         "DELETE FROM images WHERE digest NOT IN (SELECT digest FROM refs) "
                         "AND digest NOT IN (SELECT image_digest FROM boxes)"));
  BOXLITE_TRY(WriteIndex(*home_, *database_));
  return transaction.Commit();
}

// Inside a transaction, so that nobody commits an image whose blobs are just being removed.
Result<void> Store::RemoveUnusedFiles() {
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(*database_));
  BOXLITE_TRY(RemoveUnusedBoxDirs());
  std::set<std::string> digests = BOXLITE_TRY(RecordedDigests(*database_));
  BOXLITE_TRY(RemoveUnused(home_->rootfs(), digests, kDiskSuffix));
  if (!BOXLITE_TRY(IndexHasForeignEntries(*home_, *database_))) {
    std::set<std::string> blobs = BOXLITE_TRY(UsedBlobs(*database_));
    BOXLITE_TRY(RemoveUnused(home_->blobs(), blobs, {}));
  }
  return transaction.Commit();
}

}  // namespace boxlite::store
