#include "store/schema.h"

#include <string>

#include "base/clock.h"
#include "base/sys.h"
#include "base/sys_files.h"
#include "store/ulid.h"

namespace boxlite::store {
namespace {

constexpr const char* kFileName = "boxlite.db";
constexpr int64_t kApplicationId = 0x42584c54;  // "BXLT"

// Texts are bytes; blobs named in the plural, and `history`, are lists (EncodeList); `layers` and
// `history` have four texts for each layer and each step.
constexpr const char* kSteps[] = {
    R"sql(
    CREATE TABLE boxes (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      image TEXT NOT NULL,
      rootfs_path TEXT NOT NULL,
      reference TEXT NOT NULL,
      cpus INTEGER NOT NULL,
      memory_mib INTEGER NOT NULL,
      env BLOB NOT NULL,
      working_dir TEXT NOT NULL,
      user TEXT NOT NULL,
      entrypoint BLOB NOT NULL,
      cmd BLOB NOT NULL,
      entrypoint_set INTEGER NOT NULL,
      cmd_set INTEGER NOT NULL,
      labels BLOB NOT NULL,
      flags INTEGER NOT NULL,
      engine_wanted INTEGER NOT NULL,
      isolation_wanted INTEGER NOT NULL,
      created_at_ms INTEGER NOT NULL,
      state INTEGER NOT NULL,
      image_digest TEXT NOT NULL,
      engine INTEGER NOT NULL,
      engine_reason TEXT NOT NULL,
      isolation INTEGER NOT NULL,
      jail TEXT NOT NULL,
      pid INTEGER NOT NULL,
      pid_start_time INTEGER NOT NULL,
      pid_boot_id TEXT NOT NULL,
      started_at_ms INTEGER NOT NULL,
      stopped_at_ms INTEGER NOT NULL,
      exit_reason INTEGER NOT NULL,
      exit_detail TEXT NOT NULL,
      exit_code INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX boxes_by_name ON boxes (name) WHERE name <> '';
    CREATE TABLE images (
      digest TEXT PRIMARY KEY,
      media_type TEXT NOT NULL,
      manifest_size INTEGER NOT NULL,
      config_digest TEXT NOT NULL,
      size INTEGER NOT NULL,
      architecture TEXT NOT NULL,
      os TEXT NOT NULL,
      created TEXT NOT NULL,
      entrypoint BLOB NOT NULL,
      cmd BLOB NOT NULL,
      env BLOB NOT NULL,
      working_dir TEXT NOT NULL,
      user TEXT NOT NULL,
      layers BLOB NOT NULL
    ) STRICT;
    CREATE TABLE refs (
      reference TEXT PRIMARY KEY,
      digest TEXT NOT NULL REFERENCES images (digest),
      source TEXT NOT NULL,
      pulled_at_ms INTEGER NOT NULL
    ) STRICT;
    )sql",
    R"sql(
    ALTER TABLE images ADD COLUMN labels BLOB NOT NULL DEFAULT x'';
    ALTER TABLE images ADD COLUMN history BLOB NOT NULL DEFAULT x'';
    )sql",
    R"sql(
    ALTER TABLE boxes ADD COLUMN max_open_files INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE boxes ADD COLUMN max_file_size INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE boxes ADD COLUMN max_memory INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE boxes ADD COLUMN max_cpu_seconds INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE boxes ADD COLUMN max_processes INTEGER NOT NULL DEFAULT 0;
    )sql",
};
constexpr int64_t kVersion = std::size(kSteps);

Result<int64_t> CheckVersion(Database& database, const std::string& path) {
  int64_t version = BOXLITE_TRY(database.ReadNumber("PRAGMA user_version"));
  int64_t application = BOXLITE_TRY(database.ReadNumber("PRAGMA application_id"));
  if (application != kApplicationId && (application != 0 || version != 0)) {
    return Error(Code::kDatabase, path + " is a database of another program",
                 "move it away, or name another home directory");
  }
  if (version > kVersion) {
    return Error(Code::kDatabase,
                 path + " was written by a newer version of boxlite (records version " +
                     std::to_string(version) + ", this library knows " + std::to_string(kVersion) +
                     ")",
                 "use that version, or name another home directory");
  }
  return version;
}

Result<void> Upgrade(Database& database, const std::string& path) {
  if (BOXLITE_TRY(CheckVersion(database, path)) == kVersion) return {};
  Transaction transaction = BOXLITE_TRY(Transaction::Begin(database));
  // Again: another process may have done it while we waited for the lock.
  int64_t version = BOXLITE_TRY(CheckVersion(database, path));
  for (int64_t step = version; step < kVersion; ++step) BOXLITE_TRY(database.Execute(kSteps[step]));
  std::string seal = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                     "; PRAGMA user_version=" + std::to_string(kVersion);
  BOXLITE_TRY(database.Execute(seal.c_str()));
  return transaction.Commit();
}

Result<void> WriteNewFile(const std::string& path) {
  std::unique_ptr<Database> database =
      BOXLITE_TRY(Database::Open(path, Database::Mode::kCreate, 0));
  // Nobody else knows this file yet; it is written through once, at the end, and not at each step.
  BOXLITE_TRY(database->Execute("PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL"));
  return Upgrade(*database, path);
}

// A new file gets its tables under a name of its own and its true name last. So nobody ever sees
// half of it, and nobody has to wait while somebody else makes one.
Result<void> CreateRecords(const Home& home) {
  UlidGenerator ulids;
  std::string name = "new-" + BOXLITE_TRY(ulids.Next(RealtimeMs()));
  Result<void> made = WriteNewFile(home.path() + "/db/" + name);
  if (made.ok()) {
    UniqueFd file = BOXLITE_TRY(sys::OpenAt(home.db(), name, O_RDWR));
    BOXLITE_TRY(sys::Sync(file.get()));
    made = sys::LinkFd(file.get(), home.db(), kFileName);
  }
  for (const char* suffix : {"", "-wal", "-shm", "-journal"})
    BOXLITE_TRY(sys::UnlinkAt(home.db(), name + suffix));
  if (!made.ok() && made.error().code() == Code::kAlreadyExists) return {};
  return made;
}

}  // namespace

Result<std::unique_ptr<Database>> OpenRecords(const Home& home, int busy_timeout_ms) {
  Result<struct stat> there = sys::StatAt(home.db(), kFileName);
  if (!there.ok()) {
    if (there.error().code() != Code::kNotFound) return there.TakeError();
    BOXLITE_TRY(CreateRecords(home));
  }
  std::string path = home.path() + "/db/" + kFileName;
  std::unique_ptr<Database> database =
      BOXLITE_TRY(Database::Open(path, Database::Mode::kExisting, busy_timeout_ms));
  BOXLITE_TRY(Upgrade(*database, path));
  // With a write-ahead log this keeps the records whole after a power cut; the last changes may be
  // missing then, and what they spoke of (processes, files just made) is gone as well.
  BOXLITE_TRY(database->Execute("PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON"));
  return database;
}

}  // namespace boxlite::store
