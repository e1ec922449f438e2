// Where a tree goes: the rules of `cp` and `docker cp`, looked up in the file system.
//
// Thread rule: any thread; may block on a disk.
#pragma once

#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::tar {

enum class Root { kFile, kDirectory };  // what the stream's first entry is
enum class Parents { kMustExist, kMake };
enum class Contents { kNo, kYes };  // of a directory: what is in it goes into the destination

struct Destination {
  std::string path;
  std::string name;  // the source's, for where `path` is a directory
  Contents contents = Contents::kNo;
  Parents parents = Parents::kMustExist;
};

// The root goes to `name` in `directory`; with an empty name it is `directory` itself.
struct Place {
  UniqueFd directory;
  std::string name;
};

// An existing directory takes the tree under the source's name (or its contents); anything else
// becomes the tree's new name. kInvalidArgument where a directory meets a file, kNotFound where the
// parent is missing.
Result<Place> FindPlace(const Destination& destination, Root root);

// `path` as a directory that takes the members of an archive.
Result<UniqueFd> OpenDestination(const std::string& path, Parents parents);

// The last name of a path, "" for "/", "." and "..".
std::string LastName(const std::string& path);

}  // namespace boxlite::tar
