#include "tar/reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>
#include <utility>

#include "tar/writer.h"

namespace boxlite::tar {
namespace {

constexpr uint64_t kMaxMeta = 1024 * 1024;        // one pax header
constexpr size_t kMaxExtents = 65536;             // of one sparse file
constexpr uint64_t kMaxSize = uint64_t{1} << 62;  // of a file: sums stay below 2^63
constexpr size_t kMaxDigits = 20;

constexpr size_t kOldSparseAt = 386, kOldSparseCount = 4, kOldMore = 482, kOldRealSize = 483;
constexpr size_t kOldBlockCount = 21, kOldBlockMore = 504;

// The beginnings of gzip, bzip2, xz and zstd.
constexpr std::string_view kCompressed[] = {"\x1f\x8b", "BZh",
                                            "\xfd"
                                            "7zXZ",
                                            "\x28\xb5\x2f\xfd"};

Error Damaged(const std::string& what) {
  return Error(Code::kInvalidArgument, "the archive is damaged: " + what);
}

std::string_view Text(const uint8_t* block, size_t offset, size_t size) {
  std::string_view field(reinterpret_cast<const char*>(block) + offset, size);
  return field.substr(0, std::min(field.find('\0'), size));
}

// Octal digits with blanks and NUL around them, or GNU's binary form: the first bit set.
Result<uint64_t> Number(const uint8_t* block, size_t offset, size_t size) {
  const uint8_t* at = block + offset;
  uint64_t number = 0;
  if ((at[0] & 0x80) != 0) {
    if ((at[0] & 0x7f) != 0) return Damaged("a number is out of range");
    for (size_t i = 1; i < size; ++i) {
      if ((number >> 56) != 0) return Damaged("a number is out of range");
      number = number << 8 | at[i];
    }
    return number;
  }
  std::string_view text = Text(block, offset, size);
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  for (char c : text) {
    if (c < '0' || c > '7') return Damaged("a number is none");
    number = number << 3 | static_cast<uint64_t>(c - '0');  // twelve digits at most
  }
  return number;
}

// The same; GNU's form may be negative.
Result<int64_t> Time(const uint8_t* block) {
  constexpr size_t kOffset = 136, kSize = 12;
  if (block[kOffset] != 0xff) {
    uint64_t number = BOXLITE_TRY(Number(block, kOffset, kSize));
    return static_cast<int64_t>(std::min(number, kMaxSize));
  }
  uint64_t number = 0;
  for (size_t i = kSize - sizeof number; i < kSize; ++i) number = number << 8 | block[kOffset + i];
  return static_cast<int64_t>(number);
}

template <typename T>
Result<T> Decimal(std::string_view text) {
  T number = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return Damaged("a number is none");
  return number;
}

bool ChecksumHolds(const uint8_t* block) {
  auto wanted = Number(block, 148, 8);
  uint64_t sum = 0;
  for (size_t i = 0; i < kBlock; ++i) sum += i >= 148 && i < 156 ? ' ' : block[i];
  return wanted.ok() && wanted.value() == sum;
}

bool IsZero(const uint8_t* block) {
  return std::all_of(block, block + kBlock, [](uint8_t byte) { return byte == 0; });
}

uint64_t PaddingOf(uint64_t size) {
  return (kBlock - size % kBlock) % kBlock;
}

Result<uint32_t> Id(uint64_t number) {
  // The highest means "nobody" to chown.
  if (number >= UINT32_MAX) return Damaged("an owner is out of range");
  return static_cast<uint32_t>(number);
}

}  // namespace

// What the first block says of a stream without a tar header. A block that is whole has `filled_`
// 0.
Error Reader::NoArchive() const {
  std::string_view begin(reinterpret_cast<const char*>(block_), filled_ == 0 ? kBlock : filled_);
  for (std::string_view magic : kCompressed) {
    if (begin.substr(0, magic.size()) == magic)
      return Error(Code::kInvalidArgument, "the archive is compressed",
                   "Decompress it on the way, for example by gzip -dc.");
  }
  return Error(Code::kInvalidArgument, "this is no tar archive");
}

Result<void> Reader::Feed(ByteSpan bytes) {
  while (!bytes.empty()) {
    size_t taken = BOXLITE_TRY(Step(bytes));
    bytes = bytes.subspan(taken);
  }
  return {};
}

Result<void> Reader::Finish() const {
  bool between = state_ == State::kHeader && filled_ == 0;
  // Some programs leave the end's mark out, so one entry's end will do, where there was one.
  if (state_ == State::kEnd || (between && !entry_.path.empty())) return {};
  if (state_ == State::kHeader && entry_.path.empty()) return NoArchive();
  return Damaged("it ends in the middle");
}

// Takes some bytes; what a state's end calls for is done at once, as the next byte may never come.
Result<size_t> Reader::Step(ByteSpan bytes) {
  switch (state_) {
    case State::kHeader:
    case State::kOldMap:
    case State::kNewMap:
      return FillBlock(bytes);
    case State::kBody:
      return TakeBody(bytes);
    case State::kEnd:
      return bytes.size();
    case State::kMeta:
    case State::kMetaPadding:
    case State::kBodyPadding:
      break;
  }
  auto taken = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  left_ -= taken;
  if (state_ == State::kMeta) meta_.append(AsText(bytes.first(taken)));
  if (left_ > 0) return taken;
  if (state_ == State::kMeta) {
    BOXLITE_TRY(EndMeta());
  } else {
    state_ = State::kHeader;
  }
  return taken;
}

Result<size_t> Reader::FillBlock(ByteSpan bytes) {
  size_t taken = std::min(bytes.size(), kBlock - filled_);
  std::memcpy(block_ + filled_, bytes.data(), taken);
  filled_ += taken;
  if (filled_ < kBlock) return taken;
  filled_ = 0;
  BOXLITE_TRY(HandleBlock());
  return taken;
}

Result<void> Reader::HandleBlock() {
  if (state_ == State::kNewMap) return HandleNewMap();
  if (state_ == State::kHeader) return HandleHeader();
  BOXLITE_TRY(AddOldExtents(0, kOldBlockCount));
  return block_[kOldBlockMore] != 0 ? Result<void>() : BeginBody();
}

Result<void> Reader::HandleHeader() {
  if (IsZero(block_)) {
    if (++zero_blocks_ == 2) state_ = State::kEnd;
    return {};
  }
  zero_blocks_ = 0;
  if (!ChecksumHolds(block_))
    return entry_.path.empty() ? NoArchive() : Damaged("a header's checksum is wrong");
  uint64_t size = BOXLITE_TRY(Number(block_, 124, 12));
  if (size > kMaxSize) return Damaged("a size is out of range");
  char type = static_cast<char>(block_[156]);
  switch (type) {
    case 'x':
    case 'g':
    case 'L':
    case 'K':
      return StartMeta(type, size);
    default:
      return MakeEntry(type, size);
  }
}

Result<void> Reader::StartMeta(char type, uint64_t size) {
  if (size > kMaxMeta) return Damaged("a header is larger than 1 MiB");
  meta_type_ = type;
  meta_.clear();
  left_ = size;
  stored_ = size;
  state_ = State::kMeta;
  return size == 0 ? EndMeta() : Result<void>();
}

Result<void> Reader::EndMeta() {
  left_ = PaddingOf(stored_);
  state_ = left_ > 0 ? State::kMetaPadding : State::kHeader;
  // What is said of all entries that follow ('g') is comment and origin; nothing that we use.
  if (meta_type_ == 'g') return {};
  if (meta_type_ == 'x') return ParsePax();
  std::string name = meta_.substr(0, meta_.find('\0'));
  if (name.empty() || name.size() > kMaxPath) return Damaged("a name is too long");
  (meta_type_ == 'L' ? pending_.path : pending_.link) = std::move(name);
  return {};
}

Result<void> Reader::ParsePax() {
  std::string_view rest = meta_;
  while (!rest.empty()) {
    size_t blank = rest.find(' ');
    if (blank == std::string_view::npos || blank > kMaxDigits) return Damaged("a pax header");
    size_t length = BOXLITE_TRY(Decimal<size_t>(rest.substr(0, blank)));
    if (length <= blank + 1 || length > rest.size() || rest[length - 1] != '\n')
      return Damaged("a pax header");
    std::string_view record = rest.substr(blank + 1, length - blank - 2);
    rest.remove_prefix(length);
    size_t equals = record.find('=');
    if (equals == std::string_view::npos) return Damaged("a pax header");
    BOXLITE_TRY(SetPax(record.substr(0, equals), record.substr(equals + 1)));
  }
  return {};
}

Result<void> Reader::SetPax(std::string_view name, std::string_view value) {
  constexpr std::string_view kAttribute = "SCHILY.xattr.";
  if (name == "path" || name == "linkpath" || name == "GNU.sparse.name") {
    if (value.empty() || value.size() > kMaxPath || value.find('\0') != std::string_view::npos)
      return Damaged("a name is empty, too long, or has a NUL");
    auto& field = name == "path"       ? pending_.path
                  : name == "linkpath" ? pending_.link
                                       : pending_.sparse_name;
    field = std::string(value);
  } else if (name == "uid") {
    pending_.uid = BOXLITE_TRY(Decimal<uint64_t>(value));
  } else if (name == "gid") {
    pending_.gid = BOXLITE_TRY(Decimal<uint64_t>(value));
  } else if (name == "size") {
    pending_.size = BOXLITE_TRY(Decimal<uint64_t>(value));
  } else if (name == "mtime") {
    pending_.mtime = BOXLITE_TRY(Decimal<int64_t>(value.substr(0, value.find('.'))));
  } else if (name == "GNU.sparse.major") {
    pending_.sparse_major = BOXLITE_TRY(Decimal<uint64_t>(value));
  } else if (name == "GNU.sparse.minor") {
    pending_.sparse_minor = BOXLITE_TRY(Decimal<uint64_t>(value));
  } else if (name == "GNU.sparse.realsize") {
    pending_.real_size = BOXLITE_TRY(Decimal<uint64_t>(value));
  } else if (name == "GNU.sparse.map" || name == "GNU.sparse.numblocks") {
    return Error(Code::kUnsupported, "the archive has a sparse file of an old pax format",
                 "Make the archive with --sparse-version=1.0.");
  } else if (name.starts_with(kAttribute) && name.size() > kAttribute.size() &&
             name.find('\0') == std::string_view::npos) {
    pending_.attributes.emplace_back(name.substr(kAttribute.size()), value);
  }
  return {};
}

// Names and numbers of the entry, the pax header's where it has them.
Result<void> Reader::ReadFields(Pending& pending) {
  bool ustar = Text(block_, 257, 6) == "ustar";
  std::string_view prefix = ustar ? Text(block_, 345, 155) : std::string_view();
  entry_.path = Text(block_, 0, 100);
  if (!prefix.empty()) entry_.path = std::string(prefix) + "/" + entry_.path;
  if (pending.path) entry_.path = std::move(*pending.path);
  if (pending.sparse_name) entry_.path = std::move(*pending.sparse_name);
  if (entry_.path.empty()) return Damaged("an entry has no name");
  entry_.link = pending.link ? std::move(*pending.link) : std::string(Text(block_, 157, 100));
  uint64_t mode = BOXLITE_TRY(Number(block_, 100, 8));
  uint64_t uid = BOXLITE_TRY(Number(block_, 108, 8));
  uint64_t gid = BOXLITE_TRY(Number(block_, 116, 8));
  int64_t mtime = BOXLITE_TRY(Time(block_));
  entry_.mode = static_cast<uint32_t>(mode & 07777);
  entry_.uid = BOXLITE_TRY(Id(pending.uid.value_or(uid)));
  entry_.gid = BOXLITE_TRY(Id(pending.gid.value_or(gid)));
  entry_.mtime = pending.mtime.value_or(mtime);
  stored_ = pending.size.value_or(stored_);
  if (stored_ > kMaxSize) return Damaged("a size is out of range");
  entry_.size = pending.real_size.value_or(0);
  if (entry_.size > kMaxSize) return Damaged("a size is out of range");
  entry_.attributes = std::move(pending.attributes);
  return {};
}

Result<void> Reader::MakeEntry(char type, uint64_t size) {
  Pending pending = std::exchange(pending_, {});
  entry_ = Entry();
  stored_ = size;
  BOXLITE_TRY(ReadFields(pending));
  if (type == '\0' || type == '7') type = '0';
  // An old program's directory is a file whose name ends so.
  if (type == '0' && entry_.path.back() == '/') type = '5';
  if (type == 'S') return StartOldSparse();
  if (type == '0' && pending.sparse_major) {
    if (pending.sparse_major != 1u || pending.sparse_minor.value_or(0) != 0)
      return Error(Code::kUnsupported, "the archive has a sparse file of an unknown format");
    return StartNewSparse();
  }
  if (type < '0' || type > '6')
    return Error(Code::kUnsupported, "the archive's entry " + Printable(entry_.path) +
                                         " is of a kind that is not known ('" +
                                         Printable({&type, 1}) + "')");
  entry_.type = static_cast<Type>(type);
  if (entry_.type == Type::kCharacterDevice || entry_.type == Type::kBlockDevice) {
    uint64_t major = BOXLITE_TRY(Number(block_, 329, 8));
    uint64_t minor = BOXLITE_TRY(Number(block_, 337, 8));
    entry_.device_major = static_cast<uint32_t>(major);
    entry_.device_minor = static_cast<uint32_t>(minor);
  }
  // Only files have bytes; some programs write a hard link's size all the same.
  if (entry_.type != Type::kFile) stored_ = 0;
  entry_.size = stored_;
  return BeginBody();
}

Result<void> Reader::StartNewSparse() {
  entry_.sparse = true;
  map_.clear();
  map_left_.reset();
  map_offset_.reset();
  state_ = State::kNewMap;
  return {};
}

Result<void> Reader::StartOldSparse() {
  entry_.sparse = true;
  entry_.size = BOXLITE_TRY(Number(block_, kOldRealSize, 12));
  if (entry_.size > kMaxSize) return Damaged("a size is out of range");
  bool more = block_[kOldMore] != 0;
  BOXLITE_TRY(AddOldExtents(kOldSparseAt, kOldSparseCount));
  state_ = State::kOldMap;
  return more ? Result<void>() : BeginBody();
}

Result<void> Reader::AddOldExtents(size_t offset, size_t count) {
  for (size_t i = 0; i < count; ++i, offset += 24) {
    if (block_[offset] == 0) return {};
    uint64_t at = BOXLITE_TRY(Number(block_, offset, 12));
    uint64_t size = BOXLITE_TRY(Number(block_, offset + 12, 12));
    BOXLITE_TRY(AddExtent(at, size));
  }
  return {};
}

// Decimal numbers, each on a line: how many extents, then offset and size of each. The block in
// which the last number ends is the map's last.
Result<void> Reader::HandleNewMap() {
  if (stored_ < kBlock) return Damaged("a sparse file's map is longer than its bytes");
  stored_ -= kBlock;
  for (uint8_t byte : block_) {
    if (byte != '\n') {
      map_ += static_cast<char>(byte);
      if (map_.size() > kMaxDigits) return Damaged("a sparse file's map");
      continue;
    }
    uint64_t number = BOXLITE_TRY(Decimal<uint64_t>(map_));
    map_.clear();
    BOXLITE_TRY(HandleMapNumber(number));
    if (*map_left_ == 0) return BeginBody();
  }
  return {};
}

Result<void> Reader::HandleMapNumber(uint64_t number) {
  if (!map_left_) {
    if (number > kMaxExtents) return Damaged("a sparse file has too many parts");
    map_left_ = number * 2;
    return {};
  }
  --*map_left_;
  if (!map_offset_) {
    map_offset_ = number;
    return {};
  }
  BOXLITE_TRY(AddExtent(*map_offset_, number));
  map_offset_.reset();
  return {};
}

Result<void> Reader::AddExtent(uint64_t offset, uint64_t size) {
  uint64_t end =
      entry_.extents.empty() ? 0 : entry_.extents.back().offset + entry_.extents.back().size;
  if (offset < end || offset > entry_.size || size > entry_.size - offset)
    return Damaged("a sparse file's parts do not fit");
  if (entry_.extents.size() >= kMaxExtents) return Damaged("a sparse file has too many parts");
  entry_.extents.push_back({offset, size});
  return {};
}

Result<void> Reader::BeginBody() {
  if (entry_.sparse && StoredSize(entry_) != stored_) return Damaged("a sparse file's size");
  BOXLITE_TRY(sink_.OnEntry(entry_));
  state_ = State::kBody;
  left_ = stored_;
  position_ = 0;
  extent_ = 0;
  return left_ == 0 ? EndEntry() : Result<void>();
}

Result<size_t> Reader::TakeBody(ByteSpan bytes) {
  auto taken = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  uint64_t offset = position_;
  if (entry_.sparse) {
    while (position_ == entry_.extents[extent_].size) {
      ++extent_;
      position_ = 0;
    }
    const Extent& extent = entry_.extents[extent_];
    taken = static_cast<size_t>(std::min<uint64_t>(taken, extent.size - position_));
    offset = extent.offset + position_;
  }
  BOXLITE_TRY(sink_.OnData(offset, bytes.first(taken)));
  position_ += taken;
  left_ -= taken;
  if (left_ == 0) BOXLITE_TRY(EndEntry());
  return taken;
}

Result<void> Reader::EndEntry() {
  BOXLITE_TRY(sink_.OnEntryEnd());
  left_ = PaddingOf(stored_);
  state_ = left_ > 0 ? State::kBodyPadding : State::kHeader;
  return {};
}

}  // namespace boxlite::tar
