// Unpacker: writes the entries of a tar stream under one directory, and nowhere else: whatever the
// stream says, every directory is opened beneath it by the kernel's own rule (openat2), no file is
// written through an existing one, and what is not asked for (owners, devices, set-user-ID) is left
// out or refused.
//
// With Overwrite::kNo everything is written under a temporary name first and moved to its place at
// the end, where none of its files is there already.
//
// Thread rule: one thread at a time; may block on a disk.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "tar/place.h"
#include "tar/reader.h"

namespace boxlite::tar {

enum class Overwrite { kNo, kYes };
enum class Links { kBeneath, kNone };  // that a path may lead through; none leads out
enum class Owners { kOurs, kStream, kFixed };
// What becomes of devices, set-user-ID and attributes beyond "user.": a host keeps out what a guest
// made.
enum class Trust { kGuest, kSystem };

struct UnpackOptions {
  Overwrite overwrite = Overwrite::kYes;
  Links links = Links::kNone;
  Owners owners = Owners::kOurs;
  uint32_t uid = 0, gid = 0;  // with kFixed
  Trust trust = Trust::kGuest;
  uint64_t max_bytes = 0;  // of all files together, holes included; 0: any number
};

class Unpacker : public Sink {
 public:
  // One tree: the first name of every path is the root's, and gives way to where `destination` puts
  // it.
  Unpacker(Destination destination, UnpackOptions options);
  // Any archive: its paths lie in `directory`.
  Unpacker(UniqueFd directory, UnpackOptions options);
  ~Unpacker() override;
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  Result<void> OnEntry(const Entry& entry) override;
  Result<void> OnData(uint64_t offset, ByteSpan data) override;
  Result<void> OnEntryEnd() override;
  // The stream was whole.
  Result<void> Finish();

  uint64_t files() const { return files_; }
  uint64_t bytes() const { return bytes_; }

 private:
  // A directory whose times are set when everything in it is there.
  struct OpenDirectory {
    size_t path_size = 0;
    uint32_t mode = 0;
    int64_t mtime = 0;
  };

  Result<void> Begin(const Entry& entry);
  Result<std::string> PathOf(const std::string& path) const;
  Result<int> ParentOf(std::string_view path);
  Result<UniqueFd> OpenDirectoryAt(const std::string& path) const;
  Result<UniqueFd> MakeDirectories(const std::string& path) const;
  Result<void> LeaveTo(std::string_view path);
  Result<void> FinishDirectory(const std::string& path, const OpenDirectory& directory);
  Result<void> CheckDirectory(int parent, const std::string& path) const;
  Result<void> MakeDirectory(const Entry& entry, const std::string& path);
  Result<void> MakeFile(const Entry& entry, int parent, const std::string& name);
  Result<void> MakeHardLink(const Entry& entry, int parent, const std::string& name);
  Result<void> MakeOther(const Entry& entry, int parent, const std::string& name);
  Result<void> Make(const Entry& entry, int parent, const std::string& name);
  Result<void> MakeRoom(int parent, const std::string& name) const;
  Result<void> SetOwner(const Entry& entry, int fd, int parent, const std::string& name) const;
  void SetAttributes(const Entry& entry, int fd) const;
  uint32_t ModeOf(const Entry& entry) const;
  Result<void> Count(const Entry& entry);
  void RemoveStaging();

  const UnpackOptions options_;
  std::optional<Destination> destination_;  // until the first entry
  bool one_tree_ = false;
  std::string root_;         // the first name of every path in the stream
  std::string replacement_;  // what it becomes here
  UniqueFd base_;
  UniqueFd target_;      // where staging_ is; only with Overwrite::kNo
  std::string staging_;  // base_'s name in target_

  std::string parent_path_;  // of parent_
  UniqueFd parent_;
  // The directory that the stream is in, and those above it.
  std::string open_path_;
  std::vector<OpenDirectory> open_;

  Entry entry_;  // the file that is being written
  std::string file_path_;
  UniqueFd file_;
  uint64_t files_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace boxlite::tar
