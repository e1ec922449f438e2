// Images: from a reference or an OCI layout directory to a root file system that a box can mount,
// and the blank disks beside it. boxlite-image does the work in a process of its own (job.h); here
// its results are checked, moved into the home directory and recorded.
//
// Thread rule: the loop's thread. Callbacks come on it, never inside the call that asked for them,
// and exactly once, unless the Operation is destroyed first: then never. What touches disks and
// records runs on the Executor.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "images/executor.h"
#include "loop/loop.h"
#include "proto/messages.h"
#include "store/store.h"

namespace boxlite::images {

struct JobHost;
class Reaper;

// Work in progress. Destroying it cancels: this process stops waiting, and the job itself ends when
// nobody waits for it any more. May be destroyed inside its own callback.
class Operation {
 public:
  virtual ~Operation() = default;
};

// The latest state of an operation.
using ProgressHandler = std::function<void(const proto::ProgressEvent&)>;

template <typename T>
using Done = std::function<void(Result<T>)>;

// An image that is ready to be mounted.
struct Rootfs {
  store::ImageRecord image;
  UniqueFd disk;    // its ext4 image, read-only; stays good when the image is removed
  UniqueFd in_use;  // nobody prunes the image while it is open; to be kept until a box has it
};

enum class Refresh {
  kIfMissing,  // what is recorded is taken as it is, without network
  kAlways,     // the registry is asked whether the tag has moved
};

// What to make ready. One of the three names is set.
struct Wanted {
  std::string reference;                // as the user wrote it
  std::string rootfs_path;              // absolute path of an OCI layout directory
  std::string digest;                   // of an image that is recorded: what a box was pinned to
  std::vector<std::string> registries;  // for `reference`; see proto::Fetch
  Refresh refresh = Refresh::kIfMissing;
  std::string environment;  // ImageManager's
};

constexpr std::string_view kLayoutScheme = "oci:";
// The name under which an image from a layout directory is recorded: "oci:/path".
std::string LayoutReference(const std::string& rootfs_path);

class ImageManager {
 public:
  // Everything is borrowed and outlives the manager. `program` is the path of boxlite-image.
  struct Parts {
    loop::Loop& loop;
    store::Store& store;
    Executor& executor;
    const Log& log;
    std::string program;
    std::string environment = {};  // the user's, for a fetch: NAME=value, a NUL after each
  };
  explicit ImageManager(Parts parts);
  ~ImageManager();
  ImageManager(const ImageManager&) = delete;
  ImageManager& operator=(const ImageManager&) = delete;

  // Fetches or imports what is missing, makes its root file system, and opens that. For a box's
  // start, and with Refresh::kAlways for a pull.
  // kNotFound, kImage, kNetwork, kUnsupported (platform), kConfig, kStorage …
  std::unique_ptr<Operation> Prepare(Wanted wanted, ProgressHandler progress, Done<Rootfs> done);

  // `reference` in any spelling, or what LayoutReference gave. kNotFound; kBusy where a box uses
  // it.
  std::unique_ptr<Operation> Remove(std::string reference, Done<void> done);

  // Every image of an archive on `source`, which may be a pipe: `docker save`, or an OCI layout as
  // tar, plain or compressed. `name` (empty: none) is for an image that has no name there. Root
  // file systems are made when a box wants them. The images that are stored then. kImage for an
  // archive that is none, kInvalidArgument where a name is missing …
  std::unique_ptr<Operation> Load(UniqueFd source, std::string name, ProgressHandler progress,
                                  Done<std::vector<store::ImageRecord>> done);
  // Writes stored images, named as for Store::FindImage, to `sink` as one archive, which Load,
  // docker and skopeo read. It may be a pipe. kNotFound; kStorage where it cannot be written.
  std::unique_ptr<Operation> Save(std::vector<std::string> names, UniqueFd sink,
                                  ProgressHandler progress, Done<void> done);
  // Removes what nothing uses (Store::PruneImages).
  std::unique_ptr<Operation> Prune(store::Store::Prune what, Done<store::PruneReport> done);

  // An empty ext4 image of that size, read-only, made once and kept; a box's scratch disk is a copy
  // of it (sys::CopySparse).
  std::unique_ptr<Operation> BlankDisk(uint64_t size, proto::Journal journal, Done<UniqueFd> done);

 private:
  JobHost Host();

  Parts parts_;
  std::shared_ptr<Reaper> reaper_;  // shared with what is still being started
};

}  // namespace boxlite::images
