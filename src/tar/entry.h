// Entry: one member of a tar stream, as its headers describe it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace boxlite::tar {

constexpr size_t kBlock = 512;
constexpr size_t kMaxPath = 4095;  // what Linux takes, without the end
constexpr size_t kMaxDepth = 256;  // names in one path

// The numbers are ustar's type flags.
enum class Type : char {
  kFile = '0',
  kHardLink = '1',
  kSymlink = '2',
  kCharacterDevice = '3',
  kBlockDevice = '4',
  kDirectory = '5',
  kFifo = '6',
};

// A part of a sparse file that is not a hole.
struct Extent {
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct Entry {
  Type type = Type::kFile;
  std::string path;
  std::string link;  // target of a symbolic link, path in the archive of a hard one
  uint32_t mode = 0;
  uint32_t uid = 0, gid = 0;
  int64_t mtime = 0;  // seconds since 1970
  uint64_t size = 0;  // of the file, holes included
  uint32_t device_major = 0, device_minor = 0;
  bool sparse = false;
  std::vector<Extent> extents;                                  // where it is sparse; ascending
  std::vector<std::pair<std::string, std::string>> attributes;  // extended: name, value
};

}  // namespace boxlite::tar
