// Reader: cuts a tar stream into entries. It takes what tar programs write (ustar, pax, GNU's long
// names, both kinds of sparse files) and refuses what it does not know. It is the one parser of
// archives that runs in the user's process, where a guest may have written the stream: it keeps no
// more than one entry's headers, each bounded, and knows no files.
//
// Thread rule: values only.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "tar/entry.h"

namespace boxlite::tar {

// What a Reader finds. A path is as it stands in the stream: not checked, but without NUL.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual Result<void> OnEntry(const Entry& entry) = 0;
  // Of a file, ascending; holes are left out.
  virtual Result<void> OnData(uint64_t offset, ByteSpan data) = 0;
  virtual Result<void> OnEntryEnd() = 0;
};

class Reader {
 public:
  explicit Reader(Sink& sink) : sink_(sink) {}

  Result<void> Feed(ByteSpan bytes);
  // No more comes: an error where the stream was not at its end.
  Result<void> Finish() const;

 private:
  enum class State {
    kHeader,
    kMeta,  // the body of a pax header or a GNU long name
    kMetaPadding,
    kOldMap,  // further blocks of a GNU sparse header
    kNewMap,  // the map in front of a sparse file's bytes
    kBody,
    kBodyPadding,
    kEnd,  // what follows is of no interest
  };
  // What a pax header said about the next entry, and GNU long names.
  struct Pending {
    std::optional<std::string> path, link, sparse_name;
    std::optional<uint64_t> uid, gid, size, real_size;
    std::optional<int64_t> mtime;
    std::optional<uint64_t> sparse_major, sparse_minor;
    std::vector<std::pair<std::string, std::string>> attributes;
  };

  Error NoArchive() const;
  Result<size_t> Step(ByteSpan bytes);
  Result<size_t> FillBlock(ByteSpan bytes);
  Result<void> HandleBlock();
  Result<void> HandleHeader();
  Result<void> StartMeta(char type, uint64_t size);
  Result<void> EndMeta();
  Result<void> ParsePax();
  Result<void> SetPax(std::string_view name, std::string_view value);
  Result<void> MakeEntry(char type, uint64_t size);
  Result<void> ReadFields(Pending& pending);
  Result<void> StartNewSparse();
  Result<void> StartOldSparse();
  Result<void> AddOldExtents(size_t offset, size_t count);
  Result<void> HandleNewMap();
  Result<void> HandleMapNumber(uint64_t number);
  Result<void> AddExtent(uint64_t offset, uint64_t size);
  Result<void> BeginBody();
  Result<size_t> TakeBody(ByteSpan bytes);
  Result<void> EndEntry();

  Sink& sink_;
  State state_ = State::kHeader;
  uint8_t block_[kBlock] = {};
  size_t filled_ = 0;
  int zero_blocks_ = 0;
  char meta_type_ = 0;
  std::string meta_;
  uint64_t left_ = 0;      // bytes of the present state that have yet to come
  uint64_t stored_ = 0;    // of the entry's bytes in the stream
  uint64_t position_ = 0;  // in the file
  size_t extent_ = 0;
  Pending pending_;
  Entry entry_;
  std::string map_;                   // the part of a map's number that came
  std::optional<uint64_t> map_left_;  // its numbers that have yet to come
  std::optional<uint64_t> map_offset_;
};

}  // namespace boxlite::tar
