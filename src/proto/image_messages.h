// The operations of boxlite-image (docs/protocol.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proto/operations.h"

namespace boxlite::proto {

struct Layer {
  std::string digest;  // sha256:…
  std::string media_type;
  uint64_t size = 0;
  std::string diff_id;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, digest), v(2, media_type), v(3, size), v(4, diff_id);
  }
};

// One step of how the image was made. Steps that made a layer come in the layers' order.
struct HistoryStep {
  std::string created, created_by, comment;
  uint8_t empty_layer = 0;  // 1: it made none
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, created), v(2, created_by), v(3, comment), v(4, empty_layer);
  }
};

struct ImageConfig {
  std::string architecture, os;
  std::vector<std::string> entrypoint, cmd, env;
  std::string working_dir, user;
  std::string created;              // RFC 3339, as the image says it
  std::vector<std::string> labels;  // name=value, by name
  std::vector<HistoryStep> history;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, architecture), v(2, os), v(3, entrypoint), v(4, cmd), v(5, env), v(6, working_dir),
        v(7, user), v(8, created), v(9, labels), v(10, history);
  }
};

struct Fetch {
  Op op = Op::kFetch;
  std::string reference;  // as the user wrote it
  std::vector<std::string>
      registries;  // searched in order for a name without a registry; http:// where plain
  std::string architecture, os;
  std::string made;  // the digest of a manifest whose disk is made; empty where none is
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, reference), v(17, registries), v(18, architecture), v(19, os), v(20, made);
  }
};

// From an OCI layout directory, or from an archive, that came as a descriptor; `reference` picks an
// entry by its name annotation.
struct Import {
  Op op = Op::kImport;
  std::string reference;
  std::string architecture, os;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, reference), v(17, architecture), v(18, os);
  }
};

// EVENT: state, not a stream; the latest wins.
enum class Phase : uint8_t { kResolve = 1, kFetch = 2, kConvert = 3, kDone = 4, kSave = 5 };
struct ProgressEvent {
  EventType type = EventType::kProgress;
  Phase phase = Phase::kResolve;
  uint32_t layers_total = 0, layers_done = 0;
  uint64_t bytes_total = 0, bytes_done = 0;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, type), v(16, phase), v(17, layers_total), v(18, layers_done), v(19, bytes_total),
        v(20, bytes_done);
  }
};

// CLOSE of FETCH and IMPORT: the blobs lie in the staging directory as blobs/sha256/<hex>.
struct ImageClosed {
  ErrorRecord status;
  std::string reference;  // canonical
  std::string digest;     // of the image's manifest
  std::string config_digest;
  ImageConfig config;
  std::vector<Layer> layers;
  std::string source;  // where it came from
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, status), v(16, reference), v(17, digest), v(18, config_digest), v(19, config),
        v(20, layers), v(21, source);
  }
};

// EVENT of FETCH, as soon as its layers are known and each of them is there or is a piece that is
// locked while it is written (image/staging.h): CONVERT can begin. A later one is in its place.
struct FoundEvent {
  EventType type = EventType::kFound;
  ImageClosed image;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, type), v(16, image);
  }
};

// Every image of an archive (`docker save`, an OCI layout as tar) that came as a descriptor, also
// as a pipe. `name` is for an image to which the archive gives none.
struct Load {
  Op op = Op::kLoad;
  std::string name;
  std::string architecture, os;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, name), v(17, architecture), v(18, os);
  }
};

// CLOSE of LOAD: one entry for each name; the blobs lie as those of FETCH.
struct LoadClosed {
  ErrorRecord status;
  std::vector<ImageClosed> images;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, status), v(16, images);
  }
};

struct SavedImage {
  std::string digest;  // of the manifest
  std::string media_type;
  std::vector<std::string> references;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, digest), v(2, media_type), v(3, references);
  }
};

// Writes stored images to the output as one tar: an OCI layout that `docker load` reads as well.
struct Save {
  Op op = Op::kSave;
  std::vector<SavedImage> images;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, images);
  }
};

struct Convert {
  Op op = Op::kConvert;
  std::vector<Layer> layers;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, layers);
  }
};

// An empty ext4 of `size` bytes, for scratch disks.
enum class Journal : uint8_t { kNo = 0, kYes = 1 };
struct Blank {
  Op op = Op::kBlank;
  uint64_t size = 0;
  Journal journal = Journal::kNo;
  template <typename Visitor>
  void Fields(Visitor& v) {
    v(1, op), v(16, size), v(17, journal);
  }
};

}  // namespace boxlite::proto
