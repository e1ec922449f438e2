// TarReader: libarchive's tar reader over bytes that somebody hands on, with this room's errors.
// For layers and for archives of images.
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

struct archive;
struct archive_entry;

namespace boxlite::image {

// The archive's next bytes, empty at the end; valid until the next call.
using NextBytes = std::function<Result<ByteSpan>()>;

// A path as messages show it: whatever its bytes are, one printable line.
std::string ShownPath(std::string_view path);

class TarReader {
 public:
  // `next` outlives the reader.
  explicit TarReader(const NextBytes& next);
  TarReader(const TarReader&) = delete;
  TarReader& operator=(const TarReader&) = delete;
  ~TarReader() = default;

  // The next entry, valid until the next call; null at the end. kImage where the archive is
  // damaged.
  Result<archive_entry*> Next();
  // kImage where the name cannot be read.
  static Result<std::string> PathOf(archive_entry* entry);

  // A piece of the entry's contents, and where it belongs; between two pieces are zeros. Empty at
  // the end. `at` is where the last piece ended, `size` the entry's size: what is out of order is
  // kImage.
  struct Piece {
    uint64_t offset = 0;
    ByteSpan data;
  };
  Result<Piece> ReadPiece(uint64_t at, uint64_t size);

 private:
  struct Free {
    void operator()(archive* reader) const;
  };
  static long ReadBlock(archive* reader, void* self, const void** out) noexcept;
  Result<void> Open();
  Error ReaderError();

  const NextBytes& next_;
  std::unique_ptr<archive, Free> reader_;
  std::optional<Error> source_error_;  // of next_, to be told instead of libarchive's
};

}  // namespace boxlite::image
