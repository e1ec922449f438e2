// Store: the records of a home directory, in SQLite, and the files that go with them.
//
// Any number of stores, in any number of processes, may have one home directory open. What belongs
// together changes in one transaction, and a change says which state it expects, so two processes
// that want the same box cannot both have it. A crash at any point leaves the old or the new state:
//   - a box's record is written before its directory is made and deleted before that is removed;
//   - an image's record is written after its blobs are in place;
// so a file that no record names is garbage, and CollectGarbage may run at any time.
//
// Thread rule: any thread; a mutex inside serialises. A call waits for other processes at most
// Options::busy_timeout_ms, then answers kBusy. No call waits for a network or a box.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "store/home.h"
#include "store/records.h"
#include "store/ulid.h"

namespace boxlite::store {

class Claims;
class Database;

// Who starts a box takes its lock (Home::LockBox), empties boxes/<id>/exit, and only then records
// kStarting; boxlite-vm inherits the lock. So an active box whose lock is free has ended.
//
// A box that is recorded as active and whose boxlite-vm is gone. Whoever has this value has the
// box's lock: nobody else starts or repairs it meanwhile.
struct StaleBox {
  BoxRecord record;
  UniqueFd lock;
  std::string exit;  // what boxlite-vm left in boxes/<id>/exit; empty: it was killed
};

using BoxStates = std::vector<BoxState>;

class Store {
 public:
  struct Options {
    int busy_timeout_ms = 5000;
  };
  // kConfig where the directory cannot be used, kDatabase where the database is damaged or newer
  // than this library, both naming the file.
  static Result<std::unique_ptr<Store>> Open(const std::string& home_path, Options options);
  static Result<std::unique_ptr<Store>> Open(const std::string& home_path) {
    return Open(home_path, Options());
  }
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  const Home& home() const { return *home_; }

  // ---- boxes
  Result<std::string> NewId();
  // kAlreadyExists where the name is taken.
  Result<void> InsertBox(const BoxRecord& box);
  // By exact name, else by id, else by the beginning of an id (upper or lower case); kNotFound, or
  // kInvalidArgument where several ids begin so.
  Result<BoxRecord> FindBox(std::string_view id_or_name);
  Result<BoxRecord> GetBox(const std::string& id);
  Result<std::vector<BoxRecord>> ListBoxes();  // oldest first
  // Reads the record, lets `change` edit what became of the box, and writes it, in one transaction.
  // kInvalidState, naming the state, where it is not one of `expected` (empty: any);
  // kAlreadyExists for a name that is taken. Returns the record as written. `change` must not call
  // the store.
  Result<BoxRecord> ChangeBox(const std::string& id, const BoxStates& expected,
                              const std::function<void(BoxRecord&)>& change);
  // Deletes the record, then the box's directory. kNotFound (also where another process was
  // faster), kInvalidState as above.
  Result<void> RemoveBox(const std::string& id, const BoxStates& expected);

  // Active boxes whose lock is free. The owner turns each into a stopped record (ChangeBox) or
  // removes it, and then lets go of the lock.
  Result<std::vector<StaleBox>> TakeStale();
  // The same question for one box; nothing where it is not stale.
  Result<std::optional<StaleBox>> TakeStale(const std::string& id);

  // ---- images
  Result<ImageRecord> GetImage(const std::string& reference);       // canonical; kNotFound
  Result<ImageRecord> GetImageByDigest(const std::string& digest);  // `reference` is any or empty
  // By a reference in any spelling, by a digest, or by the beginning of a digest, with or without
  // "sha256:" (4 digits at least); kNotFound, or kInvalidArgument where several begin so.
  Result<ImageRecord> FindImage(const std::string& name);
  Result<std::vector<ImageRecord>> ListImages();  // by reference
  // Moves the image's blobs from staging_fd (files <hex>, as boxlite-image left them in
  // staging/blobs/sha256; -1: none) into the layout, records the image, and lets `reference` name
  // it. kImage where a blob is neither staged nor stored, or is not what the record says.
  Result<void> CommitImage(const ImageRecord& image, int staging_fd);
  // Lets `reference`, a canonical one, name the image that `name` finds, whatever it named before.
  Result<void> TagImage(const std::string& name, const std::string& reference);
  // Removes the reference, and every blob and root file system that nothing else uses. kNotFound;
  // kBusy, naming the box, where one uses it.
  Result<void> RemoveImage(const std::string& reference);
  // index.json names an image that some other program put there.
  Result<bool> LayoutNames(const std::string& reference);

  // ---- files
  // Removes what no record names: boxes/<id>, rootfs/*.ext4, blobs, files that a crash left half
  // made. A box that was to be removed at its end and is stopped goes as well. What another process
  // works with (in_use.h) stays.
  Result<void> CollectGarbage();
  // The same, and what a broken-off fetch has left for the next try. kWithoutBox: first every
  // reference whose image no box uses.
  enum class Prune { kUnnamed, kWithoutBox };
  Result<PruneReport> PruneImages(Prune what);
  // As of now; what appears or goes meanwhile may be counted or not.
  Result<DiskUsage> GetDiskUsage();

 private:
  Store(std::unique_ptr<Home> home, std::unique_ptr<Database> database);

  // All of these with mutex_ held.
  Result<BoxRecord> ReadBox(const std::string& id);
  // `references`: those without a box go as well, and are named there.
  Result<void> ForgetUnused(Claims& claims, std::vector<std::string>* references);
  Result<void> ForgetReferences(Claims& claims, std::vector<std::string>& gone);
  enum class Blobs { kKeep, kRemove };
  Result<uint64_t> RemoveUnusedFiles(Blobs blobs);
  Result<uint64_t> RemoveJobs(int64_t staging_life_s);
  Result<void> RemoveUnusedBoxDirs();

  std::unique_ptr<Home> home_;
  UlidGenerator ulids_;
  std::mutex mutex_;
  std::unique_ptr<Database> database_;  // guarded by mutex_
};

}  // namespace boxlite::store
