#include "tar/packer.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/sys.h"
#include "base/sys_files.h"
#include "tar/writer.h"

namespace boxlite::tar {
namespace {

constexpr size_t kReadSize = 128 * 1024;
constexpr size_t kMaxAttribute = 64 * 1024;
constexpr size_t kMaxExtents = 65535;  // what a Reader takes, but for the one at the end

Type TypeOf(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFDIR:
      return Type::kDirectory;
    case S_IFLNK:
      return Type::kSymlink;
    case S_IFCHR:
      return Type::kCharacterDevice;
    case S_IFBLK:
      return Type::kBlockDevice;
    case S_IFIFO:
      return Type::kFifo;
    default:
      return Type::kFile;
  }
}

Entry Describe(const struct stat& info, std::string path) {
  Entry entry;
  entry.type = TypeOf(info.st_mode);
  entry.path = std::move(path);
  entry.mode = info.st_mode & 07777;
  entry.uid = info.st_uid;
  entry.gid = info.st_gid;
  entry.mtime = info.st_mtim.tv_sec;
  entry.device_major = major(info.st_rdev);
  entry.device_minor = minor(info.st_rdev);
  return entry;
}

// The file's parts that are not holes, where it has holes; one that is in more parts than a reader
// takes is packed whole.
std::vector<Extent> FindExtents(int fd, const struct stat& info, bool& sparse) {
  auto size = static_cast<uint64_t>(info.st_size);
  std::vector<Extent> whole;
  if (size > 0) whole.push_back({0, size});
  sparse = false;
  if (static_cast<uint64_t>(info.st_blocks) * 512 >= size) return whole;
  std::vector<Extent> extents;
  for (off_t at = 0; at < info.st_size;) {
    off_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    off_t hole = data < 0 ? -1 : std::min(::lseek(fd, data, SEEK_HOLE), info.st_size);
    if (hole < 0 || extents.size() == kMaxExtents) return whole;
    if (hole > data)
      extents.push_back({static_cast<uint64_t>(data), static_cast<uint64_t>(hole - data)});
    at = std::max(hole, at + 1);
  }
  sparse = extents.empty() || extents.size() > 1 || extents[0].size < size;
  return sparse ? extents : whole;
}

}  // namespace

Result<std::unique_ptr<Packer>> Packer::Open(const std::string& path, PackOptions options) {
  std::unique_ptr<Packer> packer(new Packer(std::move(options)));
  int flags = packer->options_.follow == Follow::kYes ? 0 : AT_SYMLINK_NOFOLLOW;
  struct stat info = BOXLITE_TRY(sys::StatAt(AT_FDCWD, path, flags));
  packer->is_directory_ = S_ISDIR(info.st_mode);
  packer->first_ = path;
  if (S_ISLNK(info.st_mode) || packer->options_.follow == Follow::kNo) return packer;
  // A descriptor's own name leads to what the link led to.
  packer->first_ = BOXLITE_TRY(sys::RealPath(path));
  return packer;
}

Result<bool> Packer::Next(Bytes& out, size_t size) {
  while (out.size() < size && !ended_) {
    if (body_) {
      BOXLITE_TRY(ReadBody(out));
    } else if (!first_.empty()) {
      BOXLITE_TRY(Add(out, AT_FDCWD, std::exchange(first_, {})));
    } else if (levels_.empty()) {
      AppendEnd(out);
      ended_ = true;
    } else if (levels_.back().names.empty()) {
      levels_.pop_back();
      path_.resize(levels_.empty() ? 0 : levels_.back().path_size);
    } else {
      std::string name = std::move(levels_.back().names.back());
      levels_.back().names.pop_back();
      BOXLITE_TRY(Add(out, levels_.back().directory.get(), name));
    }
  }
  return !ended_;
}

Result<void> Packer::Add(Bytes& out, int directory, const std::string& name) {
  std::string path = levels_.empty() ? options_.name : path_ + "/" + name;
  auto stat = sys::StatAt(directory, name, AT_SYMLINK_NOFOLLOW);
  if (path.size() > kMaxPath)
    return Error(Code::kInvalidArgument, "a path in " + path_ + " is longer than a path may be");
  // What was removed since the directory was read is left out.
  if (!stat.ok() && stat.error().code() == Code::kNotFound && !levels_.empty()) return {};
  if (!stat.ok()) return stat.TakeError().Context("pack " + path);
  const struct stat& info = stat.value();
  if (S_ISSOCK(info.st_mode)) return {};
  Entry entry = Describe(info, std::move(path));
  ++files_;
  if (entry.type == Type::kDirectory) return AddDirectory(out, entry, directory, name);
  if (AddHardLink(out, entry, info)) return {};
  if (entry.type == Type::kFile) return AddFile(out, entry, directory, name);
  if (entry.type == Type::kSymlink) {
    entry.link.resize(kMaxPath);
    ssize_t size = ::readlinkat(directory, name.c_str(), entry.link.data(), entry.link.size());
    if (size < 0) return sys::ErrnoError("pack " + entry.path);
    entry.link.resize(static_cast<size_t>(size));
  }
  AppendHeader(out, entry);
  return {};
}

bool Packer::AddHardLink(Bytes& out, Entry& entry, const struct stat& info) {
  if (info.st_nlink < 2) return false;
  auto [place, first] = links_.try_emplace({info.st_dev, info.st_ino}, entry.path);
  if (first) return false;
  entry.type = Type::kHardLink;
  entry.link = place->second;
  AppendHeader(out, entry);
  return true;
}

Result<void> Packer::AddDirectory(Bytes& out, Entry& entry, int directory,
                                  const std::string& name) {
  if (levels_.size() == kMaxDepth)
    return Error(Code::kInvalidArgument,
                 entry.path + " lies more than " + std::to_string(kMaxDepth) + " directories deep");
  auto opened = sys::OpenAt(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (!opened.ok()) return opened.TakeError().Context("pack " + entry.path);
  Level level;
  level.directory = opened.TakeValue();
  level.names = BOXLITE_TRY(sys::ListDir(level.directory.get()));
  std::sort(level.names.rbegin(), level.names.rend());
  level.path_size = entry.path.size();
  ReadAttributes(level.directory.get(), entry);
  path_ = entry.path;
  entry.path += '/';
  AppendHeader(out, entry);
  levels_.push_back(std::move(level));
  return {};
}

Result<void> Packer::AddFile(Bytes& out, Entry& entry, int directory, const std::string& name) {
  // Without O_NONBLOCK a FIFO that took the name meanwhile would hold us.
  auto opened = sys::OpenAt(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (!opened.ok()) return opened.TakeError().Context("pack " + entry.path);
  auto body = std::make_unique<Body>();
  body->file = opened.TakeValue();
  struct stat info = BOXLITE_TRY(sys::Stat(body->file.get()));
  if (!S_ISREG(info.st_mode)) return {};
  entry.size = static_cast<uint64_t>(info.st_size);
  body->extents = FindExtents(body->file.get(), info, entry.sparse);
  if (entry.sparse) entry.extents = body->extents;
  ReadAttributes(body->file.get(), entry);
  body->stored = StoredSize(entry);
  AppendHeader(out, entry);
  if (body->stored > 0) body_ = std::move(body);
  return {};
}

// One piece. A file that has become shorter is filled up with zeros: its size is already said.
Result<void> Packer::ReadBody(Bytes& out) {
  Body& body = *body_;
  const Extent& extent = body.extents[body.extent];
  auto wanted = static_cast<size_t>(std::min<uint64_t>(kReadSize, extent.size - body.position));
  size_t before = out.size();
  out.resize(before + wanted);
  auto read =
      sys::ReadAt(body.file.get(), out.data() + before, wanted, extent.offset + body.position);
  if (!read.ok()) return read.TakeError().Context("pack a file in " + path_);
  body.position += wanted;
  if (body.position < extent.size) return {};
  body.position = 0;
  if (++body.extent < body.extents.size()) return {};
  AppendPadding(out, body.stored);
  body_.reset();
  return {};
}

void Packer::ReadAttributes(int fd, Entry& entry) const {
  char names[kMaxAttribute];
  ssize_t size = ::flistxattr(fd, names, sizeof names);
  if (size <= 0) return;
  std::string_view rest(names, static_cast<size_t>(size));
  while (!rest.empty()) {
    std::string name(rest.substr(0, rest.find('\0')));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    bool wanted = name.starts_with("user.") ||
                  (options_.attributes == Attributes::kAll && name == "security.capability");
    if (!wanted) continue;
    std::string value(kMaxAttribute, 0);
    ssize_t got = ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (got < 0) continue;
    value.resize(static_cast<size_t>(got));
    entry.attributes.emplace_back(std::move(name), std::move(value));
  }
}

}  // namespace boxlite::tar
