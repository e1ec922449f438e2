#include "tar/writer.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace boxlite::tar {
namespace {

// Offsets and sizes of ustar's fields.
struct Field {
  size_t offset, size;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12};
constexpr Field kMtime{136, 12}, kChecksum{148, 8}, kType{156, 1}, kLink{157, 100};
constexpr Field kMagic{257, 8}, kMajor{329, 8}, kMinor{337, 8};

uint64_t Largest(Field field) {
  return (uint64_t{1} << (3 * (field.size - 1))) - 1;
}

void PutText(uint8_t* header, Field field, std::string_view text) {
  std::memcpy(header + field.offset, text.data(), std::min(text.size(), field.size));
}

// What is too large stands in the pax header; here it becomes 0.
void PutNumber(uint8_t* header, Field field, uint64_t number) {
  if (number > Largest(field)) number = 0;
  for (size_t i = field.size - 1; i-- > 0; number >>= 3)
    header[field.offset + i] = static_cast<uint8_t>('0' + (number & 7));
}

void AppendBlock(Bytes& out, const Entry& entry, char type, uint64_t size) {
  uint8_t header[kBlock] = {};
  PutText(header, kName, entry.path);
  PutNumber(header, kMode, entry.mode & 07777);
  PutNumber(header, kUid, entry.uid);
  PutNumber(header, kGid, entry.gid);
  PutNumber(header, kSize, size);
  PutNumber(header, kMtime, entry.mtime < 0 ? 0 : static_cast<uint64_t>(entry.mtime));
  header[kType.offset] = static_cast<uint8_t>(type);
  PutText(header, kLink, entry.link);
  PutText(header, kMagic, {"ustar\00000", 8});
  PutNumber(header, kMajor, entry.device_major);
  PutNumber(header, kMinor, entry.device_minor);
  std::memset(header + kChecksum.offset, ' ', kChecksum.size);
  uint32_t sum = 0;
  for (uint8_t byte : header) sum += byte;
  PutNumber(header, {kChecksum.offset, kChecksum.size - 1}, sum);
  header[kChecksum.offset + kChecksum.size - 2] = 0;
  out.insert(out.end(), header, header + kBlock);
}

// "LENGTH name=value\n", where LENGTH counts itself.
void AddRecord(std::string& records, std::string_view name, std::string_view value) {
  size_t rest = name.size() + value.size() + 3;
  size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) ++length;
  records.append(std::to_string(length)).append(" ").append(name).append("=").append(value);
  records.append("\n");
}

void AddNumber(std::string& records, std::string_view name, uint64_t number, Field field) {
  if (number > Largest(field)) AddRecord(records, name, std::to_string(number));
}

// An empty extent at the end tells other programs how large the file is.
std::string SparseMap(const Entry& entry) {
  std::vector<Extent> extents = entry.extents;
  extents.push_back({entry.size, 0});
  std::string map = std::to_string(extents.size()) + "\n";
  for (const Extent& extent : extents)
    map += std::to_string(extent.offset) + "\n" + std::to_string(extent.size) + "\n";
  map.resize((map.size() + kBlock - 1) / kBlock * kBlock);
  return map;
}

std::string PaxRecords(const Entry& entry, uint64_t size) {
  std::string records;
  if (entry.sparse) {
    AddRecord(records, "GNU.sparse.major", "1");
    AddRecord(records, "GNU.sparse.minor", "0");
    AddRecord(records, "GNU.sparse.name", entry.path);
    AddRecord(records, "GNU.sparse.realsize", std::to_string(entry.size));
  }
  if (entry.path.size() > kName.size) AddRecord(records, "path", entry.path);
  if (entry.link.size() > kLink.size) AddRecord(records, "linkpath", entry.link);
  AddNumber(records, "uid", entry.uid, kUid);
  AddNumber(records, "gid", entry.gid, kGid);
  AddNumber(records, "size", size, kSize);
  if (entry.mtime < 0 || static_cast<uint64_t>(entry.mtime) > Largest(kMtime))
    AddRecord(records, "mtime", std::to_string(entry.mtime));
  for (const auto& [name, value] : entry.attributes)
    AddRecord(records, "SCHILY.xattr." + name, value);
  return records;
}

}  // namespace

uint64_t StoredSize(const Entry& entry) {
  if (entry.type != Type::kFile) return 0;
  if (!entry.sparse) return entry.size;
  uint64_t size = 0;
  for (const Extent& extent : entry.extents) size += extent.size;
  return size;
}

void AppendHeader(Bytes& out, const Entry& entry) {
  std::string map = entry.sparse ? SparseMap(entry) : std::string();
  uint64_t size = StoredSize(entry) + map.size();
  std::string records = PaxRecords(entry, size);
  if (!records.empty()) {
    Entry pax;
    pax.path = "pax";
    pax.mode = 0644;
    AppendBlock(out, pax, 'x', records.size());
    out.insert(out.end(), records.begin(), records.end());
    AppendPadding(out, records.size());
  }
  AppendBlock(out, entry, static_cast<char>(entry.type), size);
  out.insert(out.end(), map.begin(), map.end());
}

void AppendPadding(Bytes& out, uint64_t size) {
  out.resize(out.size() + (kBlock - size % kBlock) % kBlock);
}

void AppendEnd(Bytes& out) {
  out.resize(out.size() + 2 * kBlock);
}

}  // namespace boxlite::tar
