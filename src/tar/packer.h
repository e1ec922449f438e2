// Packer: a file or a tree as a tar stream, in pieces of any size. Symbolic links in the tree are
// never followed, sockets are left out, and a tree that changes meanwhile gives a stream that is
// whole all the same.
//
// Thread rule: one thread at a time.
#pragma once

#include <sys/stat.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "tar/entry.h"

namespace boxlite::tar {

enum class Follow { kNo, kYes };
enum class Attributes { kUser, kAll };  // the extended ones of "user.", or "security." as well

struct PackOptions {
  std::string name;             // what the tree is called in the stream
  Follow follow = Follow::kNo;  // where `path` is a symbolic link: what it leads to
  Attributes attributes = Attributes::kUser;
};

class Packer {
 public:
  // kNotFound where there is no `path`; where it ends with "/" or "/." it has to be a directory.
  static Result<std::unique_ptr<Packer>> Open(const std::string& path, PackOptions options);

  bool is_directory() const { return is_directory_; }
  uint64_t files() const { return files_; }
  // Appends to `out` until it has at least `size` bytes or the stream is at its end; false then.
  Result<bool> Next(Bytes& out, size_t size);

 private:
  // A directory that is being read.
  struct Level {
    UniqueFd directory;
    std::vector<std::string> names;  // that are left, last first
    size_t path_size = 0;
  };
  // The file whose bytes come next.
  struct Body {
    UniqueFd file;
    std::vector<Extent> extents;
    size_t extent = 0;
    uint64_t position = 0;  // in the extent
    uint64_t stored = 0;
  };

  explicit Packer(PackOptions options) : options_(std::move(options)) {}
  Result<void> Add(Bytes& out, int directory, const std::string& name);
  Result<void> AddFile(Bytes& out, Entry& entry, int directory, const std::string& name);
  Result<void> AddDirectory(Bytes& out, Entry& entry, int directory, const std::string& name);
  bool AddHardLink(Bytes& out, Entry& entry, const struct stat& info);
  Result<void> ReadBody(Bytes& out);
  void ReadAttributes(int fd, Entry& entry) const;

  PackOptions options_;
  UniqueFd parent_;
  std::string first_;  // the root's name in parent_; empty once it was added
  bool is_directory_ = false;
  bool ended_ = false;
  uint64_t files_ = 0;
  std::string path_;  // in the stream, of the innermost level
  std::vector<Level> levels_;
  std::unique_ptr<Body> body_;
  // Files with several names: where the first one stands in the stream.
  std::map<std::pair<uint64_t, uint64_t>, std::string> links_;
};

}  // namespace boxlite::tar
