// What the home directory remembers of a box and of an image. Plain values; Store reads and writes
// them. Texts that come from users or images are bytes without encoding.
//
// Numbers of engine, isolation and exit reason are those of boxlite.h and of the frame protocol,
// which this room does not know.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace boxlite::store {

// The numbers of boxlite_box_state.
enum class BoxState : uint8_t {
  kCreated = 0,
  kStarting = 1,
  kRunning = 2,
  kPaused = 3,
  kStopping = 4,
  kStopped = 5,
};
const char* BoxStateName(BoxState state);
// A machine exists, or somebody is about to make one: the box's lock is held.
bool IsActive(BoxState state);

// No main execution has ended. Neither an exit code nor minus a signal's number.
constexpr int32_t kNoExitCode = std::numeric_limits<int32_t>::min();

// One process of one boot of this host: a process id alone comes back for another process.
struct ProcessIdentity {
  int64_t pid = 0;          // 0: none
  uint64_t start_time = 0;  // clock ticks after boot
  std::string boot_id;
};

// BoxRecord::flags, the numbers of BOXLITE_BOX_*. Others are kept as they are.
constexpr uint32_t kBoxAutoRemove = 1;
constexpr uint32_t kBoxDetached = 2;
constexpr uint32_t kBoxNoEntrypoint = 4;
constexpr uint32_t kBoxMain = 8;
constexpr uint32_t kBoxNoJail = 16;
constexpr uint32_t kBoxNoSeccomp = 32;

// Of what runs in a box; 0: none. Each process, but for the last, which is of all together.
struct BoxLimits {
  uint64_t open_files = 0;
  uint64_t file_size_bytes = 0;
  uint64_t memory_bytes = 0;  // address space
  uint64_t cpu_seconds = 0;
  uint64_t processes = 0;
};

struct BoxRecord {
  // What was asked for; does not change.
  std::string id;           // ULID
  std::string image;        // as it was given; empty where rootfs_path is set
  std::string rootfs_path;  // absolute
  std::string reference;    // canonical form of `image`, or the name an imported layout has here
  uint32_t cpus = 1;
  uint32_t memory_mib = 512;
  std::vector<std::string> env;  // NAME=value
  std::string working_dir, user;
  std::vector<std::string> entrypoint, cmd;
  uint8_t entrypoint_set = 0, cmd_set = 0;  // 1: instead of the image's, also where empty
  std::vector<std::string> labels;          // name=value
  uint8_t engine_wanted = 0;
  uint8_t isolation_wanted = 0;
  BoxLimits limits;
  int64_t created_at_ms = 0;

  // What became of it.
  std::string name;    // empty: none
  uint32_t flags = 0;  // kBox*
  BoxState state = BoxState::kCreated;
  std::string image_digest;  // pinned at the first start; "sha256:…"
  uint8_t engine = 0;
  std::string engine_reason;
  uint8_t isolation = 0;
  std::string jail;         // lines "layer: state"
  ProcessIdentity process;  // boxlite-vm
  int64_t started_at_ms = 0;
  int64_t stopped_at_ms = 0;
  uint8_t exit_reason = 0;
  std::string exit_detail;
  int32_t exit_code = kNoExitCode;  // of the main execution; minus the signal's number
};

struct LayerRecord {
  std::string digest, media_type, diff_id;
  uint64_t size = 0;
};

// A step of how an image was made; those that made a layer come in the layers' order.
struct HistoryRecord {
  std::string created, created_by, comment;
  uint8_t empty_layer = 0;  // 1: it made none
};

// A reference and the image that it names. Several references may name one digest.
struct ImageRecord {
  std::string reference;  // canonical: docker.io/library/python:slim
  std::string digest;     // of the manifest
  std::string media_type;
  uint64_t manifest_size = 0;  // found out by Store::CommitImage
  std::string config_digest;
  std::string source;  // where it was fetched from
  int64_t pulled_at_ms = 0;
  uint64_t size = 0;  // of the layers as they were fetched

  std::string architecture, os, created;
  std::vector<std::string> entrypoint, cmd, env;
  std::string working_dir, user;
  std::vector<std::string> labels;  // name=value
  std::vector<HistoryRecord> history;
  std::vector<LayerRecord> layers;

  // Not recorded with it; found out when it is read.
  std::vector<std::string> references;  // all that name the digest
  uint64_t disk_bytes = 0;              // that its root file system takes; 0: not made yet
};

// The layer that the n-th step of an image's history made, from 0; -1 where it made none.
int64_t LayerOfStep(const ImageRecord& image, size_t n);

// What one kind of things takes in the home directory, in bytes on the disk.
struct SpaceUse {
  uint64_t count = 0;
  uint64_t active = 0;  // images and root file systems that a box uses, boxes that run
  uint64_t bytes = 0;
  uint64_t reclaimable = 0;  // what would be free without what is not active
};

struct DiskUsage {
  SpaceUse images;  // blobs
  SpaceUse rootfs;  // what was made from them
  SpaceUse boxes;
  SpaceUse cache;  // half-done jobs, and blank disks
};

struct PruneReport {
  std::vector<std::string> references;  // that were removed
  uint64_t bytes = 0;                   // that the disk got back
};

}  // namespace boxlite::store
