#include "image/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <type_traits>

namespace boxlite::image {
namespace {

constexpr size_t kMaxShown = 256;  // of a path in a message

Error Bad(std::string message) {
  return Error(Code::kImage, std::move(message));
}

}  // namespace

std::string ShownPath(std::string_view path) {
  std::string shown = Printable(path.substr(0, kMaxShown));
  return path.size() > kMaxShown ? shown + "…" : shown;
}

void TarReader::Free::operator()(archive* reader) const {
  archive_read_free(reader);
}

TarReader::TarReader(const NextBytes& next) : next_(next) {}

long TarReader::ReadBlock(archive* reader, void* self, const void** out) noexcept {
  static_assert(std::is_same_v<la_ssize_t, long>);
  auto* tar = static_cast<TarReader*>(self);
  Result<ByteSpan> bytes = tar->next_();
  if (!bytes.ok()) {
    tar->source_error_ = bytes.TakeError();
    archive_set_error(reader, EIO, "source");
    return -1;
  }
  *out = bytes.value().data();
  return static_cast<long>(bytes.value().size());
}

Error TarReader::ReaderError() {
  if (source_error_) return *source_error_;
  const char* text = archive_error_string(reader_.get());
  return Bad(std::string("its archive is damaged: ") + (text != nullptr ? text : "unreadable"));
}

Result<void> TarReader::Open() {
  reader_.reset(archive_read_new());
  archive* reader = reader_.get();
  if (reader == nullptr) return Error(Code::kResourceExhausted, "no memory for libarchive");
  bool ready = archive_read_support_format_tar(reader) == ARCHIVE_OK &&
               archive_read_support_format_empty(reader) == ARCHIVE_OK;
  if (!ready) return ReaderError();
  if (archive_read_open(reader, this, nullptr, &ReadBlock, nullptr) != ARCHIVE_OK)
    return ReaderError();
  return {};
}

Result<archive_entry*> TarReader::Next() {
  if (!reader_) BOXLITE_TRY(Open());
  archive_entry* entry = nullptr;
  int status = archive_read_next_header(reader_.get(), &entry);
  if (status == ARCHIVE_EOF) return static_cast<archive_entry*>(nullptr);
  // A warning says that a name is not in the locale's encoding; names are bytes to us.
  if (status != ARCHIVE_OK && status != ARCHIVE_WARN) return ReaderError();
  return entry;
}

Result<std::string> TarReader::PathOf(archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  if (name == nullptr) return Bad("an entry has a name that cannot be read");
  return std::string(name);
}

Result<TarReader::Piece> TarReader::ReadPiece(uint64_t at, uint64_t size) {
  for (;;) {
    const void* block = nullptr;
    size_t count = 0;
    la_int64_t offset = 0;
    int status = archive_read_data_block(reader_.get(), &block, &count, &offset);
    if (status == ARCHIVE_EOF) return Piece();
    if (status != ARCHIVE_OK) return ReaderError();
    if (count == 0) continue;
    bool in_order = offset >= 0 && static_cast<uint64_t>(offset) >= at &&
                    static_cast<uint64_t>(offset) <= size &&
                    count <= size - static_cast<uint64_t>(offset);
    if (!in_order) return Bad("its sparse map is damaged");
    return Piece{static_cast<uint64_t>(offset), {static_cast<const uint8_t*>(block), count}};
  }
}

}  // namespace boxlite::image
