// Tree: the image's file system while its layers are merged, without file contents (those are in
// the output already; a file knows its blocks).
//
// Layers come bottom up. An entry of a later layer replaces what has its name; a directory over a
// directory changes the metadata and keeps the children. A whiteout hides only what lower layers
// brought: each inode remembers the last layer that wrote it or anything beneath it.
//
// Paths are a stranger's. They are looked up inside this tree only: "..", absolute paths and
// symbolic links in the middle of a path cannot leave it, as there is nothing outside.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace boxlite::image {

using InodeId = uint32_t;
constexpr InodeId kRootInode = 0;

enum class FileType : uint8_t {
  kRegular,
  kDirectory,
  kSymlink,
  kCharDevice,
  kBlockDevice,
  kFifo,
};

// A run of blocks of a file, in units of kBlockSize.
struct Extent {
  uint64_t logical = 0;
  uint64_t physical = 0;
  uint64_t count = 0;
};

struct Xattr {
  std::string name;  // with its namespace: "security.capability"
  std::string value;
};

struct Inode {
  FileType type = FileType::kRegular;
  uint16_t permissions = 0;  // 07777
  uint32_t uid = 0, gid = 0;
  int64_t mtime_s = 0;
  uint32_t mtime_ns = 0;
  uint64_t size = 0;   // of a regular file
  uint32_t links = 0;  // names
  uint32_t layer = 0;  // that last wrote it or something beneath it
  uint32_t major = 0, minor = 0;
  InodeId parent = kRootInode;  // of a directory
  uint32_t depth = 0;           // of a directory
  std::vector<Extent> extents;  // of a regular file
  std::string target;           // of a symbolic link
  std::vector<Xattr> xattrs;
  std::map<std::string, InodeId, std::less<>> children;  // of a directory, in byte order
};

class Tree {
 public:
  // `release` is told the blocks of a file that no name leads to any more.
  using Release = std::function<Result<void>(const std::vector<Extent>&)>;
  explicit Tree(Release release);

  // Entries that follow belong to this layer.
  void BeginLayer(uint32_t layer) { layer_ = layer; }

  // Puts `inode` at `path`. Missing parents are made, 0755 root.
  Result<void> Put(std::string_view path, Inode inode);
  // Another name for the file at `target`.
  Result<void> Link(std::string_view path, std::string_view target);
  // Hides what lower layers have at `path`; nothing there is fine.
  Result<void> Whiteout(std::string_view path);
  // Hides what lower layers have in the directory `path`.
  Result<void> Opaque(std::string_view path);

  const Inode& At(InodeId id) const { return inodes_[id]; }
  size_t size() const { return inodes_.size(); }  // ids are below this; links 0: free
  uint64_t live() const { return live_; }

 private:
  struct Place {
    InodeId directory = kRootInode;
    std::string name;  // empty: the directory itself is meant (the root)
  };
  // A path that is being followed.
  struct Walk {
    std::vector<std::string> pending;  // components that are left, the next one last
    InodeId at = kRootInode;
    int follows = 0;  // of symbolic links
  };
  enum class Missing { kCreate, kStop };

  Result<std::optional<Place>> Find(std::string_view path, Missing missing);
  Result<void> Enter(Walk& walk, const std::string& name, InodeId child) const;
  Result<std::optional<InodeId>> Descend(std::vector<std::string> pending, Missing missing);
  Result<InodeId> MakeDirectory(InodeId parent, const std::string& name);
  std::optional<InodeId> Child(InodeId directory, std::string_view name) const;
  Result<InodeId> Allocate(Inode inode);
  void Attach(InodeId directory, const std::string& name, InodeId id);
  Result<void> Remove(InodeId directory, const std::string& name);
  Result<void> Drop(InodeId id);
  Result<void> Prune(InodeId directory);
  Result<void> HideLower(InodeId directory, const std::string& name);

  Release release_;
  std::deque<Inode> inodes_;
  std::vector<InodeId> free_;
  uint64_t live_ = 0;
  uint32_t layer_ = 0;
};

}  // namespace boxlite::image
