// The home directory and its parts, each opened once and reached through its descriptor from then
// on, so that nothing depends on the working directory or on the length of the home's path.
//
//   db/boxlite.db             records (store.h)
//   images/                   an OCI image layout: oci-layout, index.json, blobs/sha256/<hex>
//   images/lock               what processes work with (in_use.h)
//   images/jobs/<key>/        lock, sock, log and staging/ or out of one job
//   rootfs/<hex>.ext4         the root file system made from the image with that manifest digest
//   boxes/<id>/               start, lock, exit, sock, log and disks of one box
//   templates/                blank disks, later saved machines
//   config.json               the user's, read by boxlite-image
//   kvm-speed                 what this host's KVM is good for (box/kvm_speed.h)
//
// Everything is made with mode 0700 where it is missing.
// Thread rule: immutable after Open; any thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::store {

class Home {
 public:
  // kConfig, naming the path, where it cannot be used.
  static Result<std::unique_ptr<Home>> Open(const std::string& path);

  const std::string& path() const { return path_; }  // absolute, without symlinks
  int db() const { return db_.get(); }
  int root() const { return root_.get(); }
  int images() const { return images_.get(); }
  int blobs() const { return blobs_.get(); }  // images/blobs/sha256
  int jobs() const { return jobs_.get(); }
  int rootfs() const { return rootfs_.get(); }
  int boxes() const { return boxes_.get(); }
  int templates() const { return templates_.get(); }

  // boxes/<id>. Only for a box that has a record: a directory without one is garbage and is taken
  // away by whoever sees it.
  Result<UniqueFd> CreateBoxDir(const std::string& id) const;
  Result<UniqueFd> OpenBoxDir(const std::string& id) const;
  Result<void> RemoveBoxDir(const std::string& id) const;

  // Takes boxes/<id>/lock (made where it is missing); nothing where somebody else holds it. The
  // lock belongs to the open file description: boxlite-vm inherits it with the descriptor and holds
  // it for as long as it lives.
  Result<std::optional<UniqueFd>> LockBox(const std::string& id) const;
  // Somebody holds the lock. A box without directory or lock is not locked.
  Result<bool> IsBoxLocked(const std::string& id) const;

  // config.json for boxlite-image; nothing where there is none.
  Result<std::optional<UniqueFd>> OpenConfig() const;

 private:
  Home() = default;
  Result<void> OpenParts(const std::string& path);

  std::string path_;
  UniqueFd root_, db_, images_, blobs_, jobs_, rootfs_, boxes_, templates_;
};

// Of a file in rootfs and of the disks in templates.
constexpr const char* kDiskSuffix = ".ext4";

// What the key of a job begins with that is not tried again.
constexpr std::string_view kLoadJob = "load-";

// Bytes on the disk that `name` in `dir_fd` and everything below it take, following no symlink;
// 0 where it does not exist.
uint64_t BytesBelow(int dir_fd, const std::string& name);
// The same of an open file.
uint64_t BytesOf(int fd);

// Removes `name` in `dir_fd` and everything below it, following no symlink. What does not exist is
// fine.
Result<void> RemoveTree(int dir_fd, const std::string& name);

}  // namespace boxlite::store
