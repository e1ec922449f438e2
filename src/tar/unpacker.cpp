#include "tar/unpacker.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/sys.h"
#include "base/sys_files.h"
#include "tar/merge.h"

namespace boxlite::tar {
namespace {

constexpr mode_t kMissingMode = 0755;  // of a directory that the stream does not name
constexpr mode_t kStagingMode = 0700;
constexpr uint32_t kNewFileMode = 0600;

Error Refused(const std::string& what) {
  return Error(Code::kInvalidArgument, "the archive is refused: " + what);
}

std::string_view DirectoryOf(std::string_view path) {
  size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string NameOf(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// `path` lies in directory `above`, or is it.
bool IsIn(std::string_view path, std::string_view above) {
  return above.empty() ||
         (path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '/'));
}

// "a/b/c" from any spelling of it; "" is the top.
Result<std::string> Normalize(std::string_view path) {
  std::string clean;
  size_t depth = 0;
  while (!path.empty()) {
    size_t size = std::min(path.find('/'), path.size());
    std::string_view name = path.substr(0, size);
    path.remove_prefix(std::min(size + 1, path.size()));
    if (name.empty() || name == ".") continue;
    if (name == "..") return Refused("a path in it has \"..\"");
    if (++depth > kMaxDepth) return Refused("a path in it is too deep");
    if (!clean.empty()) clean += '/';
    clean += name;
  }
  return clean;
}

std::string RandomName() {
  uint8_t bytes[8] = {};
  static_cast<void>(sys::FillRandom(bytes, sizeof bytes));
  return ".boxlite-" + ToHex(bytes);
}

void SetTime(int fd, const char* name, int64_t mtime) {
  timespec times[2] = {{0, UTIME_OMIT}, {mtime, 0}};
  static_cast<void>(name == nullptr ? ::futimens(fd, times)
                                    : ::utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW));
}

}  // namespace

Unpacker::Unpacker(Destination destination, UnpackOptions options)
    : options_(options), destination_(std::move(destination)), one_tree_(true) {}

Unpacker::Unpacker(UniqueFd directory, UnpackOptions options)
    : options_(options), base_(std::move(directory)) {}

Unpacker::~Unpacker() {
  RemoveStaging();
}

void Unpacker::RemoveStaging() {
  if (staging_.empty()) return;
  base_.Reset();
  static_cast<void>(RemoveTree(target_.get(), std::exchange(staging_, {})).ok());
}

// The first entry says what the root is, and so where it goes.
Result<void> Unpacker::Begin(const Entry& entry) {
  if (destination_) {
    Root root = entry.type == Type::kDirectory ? Root::kDirectory : Root::kFile;
    Place place = BOXLITE_TRY(FindPlace(*destination_, root));
    destination_.reset();
    std::string first = BOXLITE_TRY(Normalize(entry.path));
    if (first.find('/') != std::string::npos) return Refused("its first entry is not its root");
    root_ = std::move(first);
    replacement_ = std::move(place.name);
    base_ = std::move(place.directory);
  }
  if (options_.overwrite == Overwrite::kYes || !staging_.empty()) return {};
  std::string name = RandomName();
  BOXLITE_TRY(sys::MakeDirAt(base_.get(), name, kStagingMode));
  staging_ = std::move(name);
  target_ = std::move(base_);
  base_ = BOXLITE_TRY(sys::OpenAt(target_.get(), staging_, O_RDONLY | O_DIRECTORY));
  return {};
}

Result<std::string> Unpacker::PathOf(const std::string& path) const {
  std::string clean = BOXLITE_TRY(Normalize(path));
  if (!one_tree_) return clean;
  if (!IsIn(clean, root_)) return Refused("an entry lies outside its root");
  if (root_.empty()) return replacement_.empty() ? clean : replacement_ + "/" + clean;
  std::string rest = clean.substr(root_.size());
  if (replacement_.empty() && !rest.empty()) rest.erase(0, 1);
  return replacement_ + rest;
}

Result<void> Unpacker::OnEntry(const Entry& entry) {
  if (destination_ || (options_.overwrite == Overwrite::kNo && staging_.empty()))
    BOXLITE_TRY(Begin(entry));
  std::string path = BOXLITE_TRY(PathOf(entry.path));
  BOXLITE_TRY(Count(entry));
  BOXLITE_TRY(LeaveTo(entry.type == Type::kDirectory ? path : DirectoryOf(path)));
  if (entry.type == Type::kDirectory) return MakeDirectory(entry, path);
  if (path.empty()) return Refused("its top is not a directory");
  auto parent = ParentOf(DirectoryOf(path));
  if (!parent.ok()) return parent.TakeError().Context("unpack " + Printable(path));
  Result<void> made = Make(entry, parent.value(), NameOf(path));
  if (!made.ok()) return made.TakeError().Context("unpack " + Printable(path));
  return {};
}

Result<void> Unpacker::Count(const Entry& entry) {
  ++files_;
  uint64_t size = entry.type == Type::kFile ? entry.size : 0;
  bytes_ += size;
  if (options_.max_bytes == 0) return {};
  if (size <= options_.max_bytes && bytes_ <= options_.max_bytes) return {};
  return Error(Code::kResourceExhausted,
               "the files are larger than " + std::to_string(options_.max_bytes) + " bytes");
}

// Opened by the kernel in one step, so that no link that appears meanwhile leads out.
Result<UniqueFd> Unpacker::OpenDirectoryAt(const std::string& path) const {
  if (path.empty()) return sys::Duplicate(base_.get());
  auto links = options_.links == Links::kBeneath ? sys::Beneath::kLinks : sys::Beneath::kNoLinks;
  return sys::OpenBeneath(base_.get(), path, O_RDONLY | O_DIRECTORY, links);
}

// A stream need not name its directories.
Result<UniqueFd> Unpacker::MakeDirectories(const std::string& path) const {
  UniqueFd above = BOXLITE_TRY(OpenDirectoryAt(""));
  for (size_t end = 0; end < path.size(); ++end) {
    size_t start = end;
    end = std::min(path.find('/', start), path.size());
    auto there = OpenDirectoryAt(path.substr(0, end));
    if (!there.ok() && there.error().code() == Code::kNotFound) {
      BOXLITE_TRY(sys::MakeDirAt(above.get(), path.substr(start, end - start), kMissingMode));
      there = OpenDirectoryAt(path.substr(0, end));
    }
    if (!there.ok()) return there.TakeError();
    above = there.TakeValue();
  }
  return above;
}

Result<int> Unpacker::ParentOf(std::string_view path) {
  if (parent_ && parent_path_ == path) return parent_.get();
  std::string wanted(path);
  auto parent = OpenDirectoryAt(wanted);
  if (!parent.ok() && parent.error().code() == Code::kNotFound) parent = MakeDirectories(wanted);
  if (!parent.ok()) return parent.TakeError();
  parent_ = parent.TakeValue();
  parent_path_ = std::move(wanted);
  return parent_.get();
}

// Directories are finished from the inside out, as soon as the stream goes on elsewhere: what is
// kept of them is bounded by the depth of a path.
Result<void> Unpacker::LeaveTo(std::string_view path) {
  while (!open_.empty() && !IsIn(path, open_path_)) {
    OpenDirectory directory = open_.back();
    open_.pop_back();
    std::string left = open_path_;
    open_path_.resize(open_.empty() ? 0 : open_.back().path_size);
    BOXLITE_TRY(FinishDirectory(left, directory));
  }
  return {};
}

Result<void> Unpacker::FinishDirectory(const std::string& path, const OpenDirectory& directory) {
  auto opened = OpenDirectoryAt(path);
  if (!opened.ok()) return opened.TakeError().Context("unpack " + Printable(path));
  if (::fchmod(opened.value().get(), directory.mode) < 0)
    return sys::ErrnoError("set the mode of " + Printable(path));
  SetTime(opened.value().get(), nullptr, directory.mtime);
  return {};
}

// Why it could not be made: where it is there already, that is no reason.
Result<void> Unpacker::CheckDirectory(int parent, const std::string& path) const {
  if (errno != EEXIST) return sys::ErrnoError("make directory " + Printable(path));
  struct stat info = BOXLITE_TRY(sys::StatAt(parent, NameOf(path), AT_SYMLINK_NOFOLLOW));
  if (S_ISDIR(info.st_mode)) return {};
  if (S_ISLNK(info.st_mode) && options_.links == Links::kBeneath) return {};
  return Error(Code::kInvalidArgument,
               "a directory cannot be copied onto the file " + Printable(path))
      .WithErrno(ENOTDIR);
}

Result<void> Unpacker::MakeDirectory(const Entry& entry, const std::string& path) {
  if (path.empty()) return {};  // It was there before; it stays as it is.
  int parent = BOXLITE_TRY(ParentOf(DirectoryOf(path)));
  std::string name = NameOf(path);
  if (::mkdirat(parent, name.c_str(), kStagingMode) < 0) BOXLITE_TRY(CheckDirectory(parent, path));
  auto opened = OpenDirectoryAt(path);
  if (!opened.ok()) return opened.TakeError().Context("unpack " + Printable(path));
  parent_ = opened.TakeValue();
  parent_path_ = path;
  BOXLITE_TRY(SetOwner(entry, parent_.get(), -1, path));
  SetAttributes(entry, parent_.get());
  open_path_ = path;
  open_.push_back({path.size(), ModeOf(entry), entry.mtime});
  return {};
}

// What has the name gives way, unless it is a directory. Never written through: it may be a link,
// or a hard link to what lies elsewhere.
Result<void> Unpacker::MakeRoom(int parent, const std::string& name) const {
  if (::unlinkat(parent, name.c_str(), 0) == 0 || errno == ENOENT) return {};
  if (errno == EISDIR || errno == EPERM) {
    auto info = sys::StatAt(parent, name, AT_SYMLINK_NOFOLLOW);
    if (info.ok() && S_ISDIR(info.value().st_mode))
      return Error(Code::kInvalidArgument, "a file cannot be copied onto a directory")
          .WithErrno(EISDIR);
    return sys::ErrnoError("replace it", EPERM);
  }
  return sys::ErrnoError("replace it");
}

Result<void> Unpacker::Make(const Entry& entry, int parent, const std::string& name) {
  if (entry.type == Type::kFile) return MakeFile(entry, parent, name);
  if (entry.type == Type::kHardLink) return MakeHardLink(entry, parent, name);
  BOXLITE_TRY(MakeRoom(parent, name));
  return MakeOther(entry, parent, name);
}

Result<void> Unpacker::MakeFile(const Entry& entry, int parent, const std::string& name) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  auto file = sys::OpenAt(parent, name, kFlags, kNewFileMode);
  if (!file.ok() && file.error().code() == Code::kAlreadyExists) {
    BOXLITE_TRY(MakeRoom(parent, name));
    file = sys::OpenAt(parent, name, kFlags, kNewFileMode);
  }
  if (!file.ok()) return file.TakeError();
  file_ = file.TakeValue();
  entry_ = entry;
  entry_.extents.clear();
  return {};
}

Result<void> Unpacker::MakeHardLink(const Entry& entry, int parent, const std::string& name) {
  std::string target = BOXLITE_TRY(PathOf(entry.link));
  if (target.empty()) return Refused("a hard link leads nowhere");
  UniqueFd directory = BOXLITE_TRY(OpenDirectoryAt(std::string(DirectoryOf(target))));
  std::string source = NameOf(target);
  // Of two names of one file neither may give way to the other.
  auto from = sys::StatAt(directory.get(), source, AT_SYMLINK_NOFOLLOW);
  if (!from.ok()) return from.TakeError();
  auto to = sys::StatAt(parent, name, AT_SYMLINK_NOFOLLOW);
  if (to.ok() && to.value().st_ino == from.value().st_ino &&
      to.value().st_dev == from.value().st_dev)
    return {};
  BOXLITE_TRY(MakeRoom(parent, name));
  if (::linkat(directory.get(), source.c_str(), parent, name.c_str(), 0) < 0)
    return sys::ErrnoError("link it to " + Printable(target));
  return {};
}

Result<void> Unpacker::MakeOther(const Entry& entry, int parent, const std::string& name) {
  if (entry.type == Type::kSymlink) {
    if (entry.link.empty()) return Refused("a symbolic link is empty");
    if (::symlinkat(entry.link.c_str(), parent, name.c_str()) < 0)
      return sys::ErrnoError("make the symbolic link");
  } else {
    if (options_.trust == Trust::kGuest)
      return Error(Code::kUnsupported, "devices and FIFOs are not copied to the host",
                   "Copy the parts of the tree that have none.");
    mode_t kind = entry.type == Type::kFifo              ? S_IFIFO
                  : entry.type == Type::kCharacterDevice ? S_IFCHR
                                                         : S_IFBLK;
    dev_t device = makedev(entry.device_major, entry.device_minor);
    if (::mknodat(parent, name.c_str(), kind | kNewFileMode, device) < 0)
      return sys::ErrnoError("make the device");
  }
  BOXLITE_TRY(SetOwner(entry, -1, parent, name));
  if (entry.type != Type::kSymlink && ::fchmodat(parent, name.c_str(), ModeOf(entry), 0) < 0)
    return sys::ErrnoError("set its mode");
  SetTime(parent, name.c_str(), entry.mtime);
  return {};
}

uint32_t Unpacker::ModeOf(const Entry& entry) const {
  return entry.mode & (options_.trust == Trust::kSystem ? 07777u : 0777u);
}

// By `fd`, or by name where that is -1.
Result<void> Unpacker::SetOwner(const Entry& entry, int fd, int parent,
                                const std::string& name) const {
  if (options_.owners == Owners::kOurs) return {};
  bool fixed = options_.owners == Owners::kFixed;
  uid_t uid = fixed ? options_.uid : entry.uid;
  gid_t gid = fixed ? options_.gid : entry.gid;
  int done = fd >= 0 ? ::fchown(fd, uid, gid)
                     : ::fchownat(parent, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW);
  if (done < 0) return sys::ErrnoError("set the owner of " + Printable(name));
  return {};
}

// Not every file system has them: what it refuses is left out, as other programs do.
void Unpacker::SetAttributes(const Entry& entry, int fd) const {
  for (const auto& [name, value] : entry.attributes) {
    bool wanted = name.starts_with("user.") ||
                  (options_.trust == Trust::kSystem && name == "security.capability");
    if (wanted) static_cast<void>(::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0));
  }
}

Result<void> Unpacker::OnData(uint64_t offset, ByteSpan data) {
  Result<void> written = sys::WriteAllAt(file_.get(), data, offset);
  if (!written.ok()) return written.TakeError().Context("unpack " + Printable(entry_.path));
  return {};
}

Result<void> Unpacker::OnEntryEnd() {
  if (!file_) return {};
  UniqueFd file = std::move(file_);
  if (entry_.sparse) BOXLITE_TRY(sys::Truncate(file.get(), entry_.size));
  // The owner first: a change of owner clears set-user-ID and capabilities.
  BOXLITE_TRY(SetOwner(entry_, file.get(), -1, entry_.path));
  if (ModeOf(entry_) != kNewFileMode && ::fchmod(file.get(), ModeOf(entry_)) < 0)
    return sys::ErrnoError("set the mode of " + Printable(entry_.path));
  SetAttributes(entry_, file.get());
  SetTime(file.get(), nullptr, entry_.mtime);
  return {};
}

Result<void> Unpacker::Finish() {
  while (!open_.empty()) {
    OpenDirectory directory = open_.back();
    open_.pop_back();
    std::string left = open_path_;
    open_path_.resize(open_.empty() ? 0 : open_.back().path_size);
    BOXLITE_TRY(FinishDirectory(left, directory));
  }
  if (staging_.empty()) return {};
  BOXLITE_TRY(MoveInto(base_.get(), target_.get()));
  RemoveStaging();
  return {};
}

}  // namespace boxlite::tar
