#include "store/home.h"

#include <cerrno>

#include "base/sys.h"
#include "base/sys_files.h"

namespace boxlite::store {
namespace {

constexpr mode_t kPrivateDir = 0700;
constexpr mode_t kPrivateFile = 0600;
constexpr int kDirFlags = O_RDONLY | O_DIRECTORY;
constexpr uint64_t kStatBlock = 512;
constexpr int kMaxTreeDepth = 32;  // our own trees are four deep

Result<void> MakePath(const std::string& path) {
  for (size_t at = 1; at != std::string::npos;) {
    at = path.find('/', at);
    std::string part = path.substr(0, at);
    if (at != std::string::npos) ++at;
    BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, part, kPrivateDir));
  }
  return {};
}

Result<UniqueFd> OpenPart(int parent, const std::string& name) {
  BOXLITE_TRY(sys::MakeDirAt(parent, name, kPrivateDir));
  UniqueFd fd = BOXLITE_TRY(sys::OpenAt(parent, name, kDirFlags));
  Result<void> writable = sys::CheckWritable(fd.get());
  if (!writable.ok()) return writable.TakeError().Context(name);
  return fd;
}

Result<std::string> OpenRoot(const std::string& path, UniqueFd& root) {
  if (path.empty()) return Error(Code::kInvalidArgument, "its path is empty");
  BOXLITE_TRY(MakePath(path));
  std::string real = BOXLITE_TRY(sys::RealPath(path));
  root = BOXLITE_TRY(OpenPart(AT_FDCWD, real));
  return real;
}

Result<void> RemoveBelow(int dir_fd, int depth);

Result<void> RemoveEntry(int dir_fd, const std::string& name, int depth) {
  Result<void> removed = sys::UnlinkAt(dir_fd, name);
  if (removed.ok() || removed.error().os_errno() != EISDIR) return removed;
  Result<UniqueFd> dir = sys::OpenAt(dir_fd, name, kDirFlags | O_NOFOLLOW);
  if (!dir.ok()) {
    if (dir.error().os_errno() == ENOENT) return {};
    return dir.TakeError();
  }
  BOXLITE_TRY(RemoveBelow(dir.value().get(), depth + 1));
  return sys::UnlinkAt(dir_fd, name, AT_REMOVEDIR);
}

Result<void> RemoveBelow(int dir_fd, int depth) {
  if (depth > kMaxTreeDepth) return Error(Code::kStorage, "a directory is nested too deeply");
  for (const std::string& name : BOXLITE_TRY(sys::ListDir(dir_fd)))
    BOXLITE_TRY(RemoveEntry(dir_fd, name, depth));
  return {};
}

uint64_t BlockBytes(const struct stat& info) {
  return static_cast<uint64_t>(info.st_blocks) * kStatBlock;
}

uint64_t BytesOfEntry(int dir_fd, const std::string& name, int depth) {
  Result<struct stat> info = sys::StatAt(dir_fd, name, AT_SYMLINK_NOFOLLOW);
  if (!info.ok()) return 0;
  uint64_t bytes = BlockBytes(info.value());
  if (!S_ISDIR(info.value().st_mode) || depth > kMaxTreeDepth) return bytes;
  Result<UniqueFd> dir = sys::OpenAt(dir_fd, name, kDirFlags | O_NOFOLLOW);
  if (!dir.ok()) return bytes;
  auto names = sys::ListDir(dir.value().get());
  if (!names.ok()) return bytes;
  for (const std::string& child : names.value())
    bytes += BytesOfEntry(dir.value().get(), child, depth + 1);
  return bytes;
}

}  // namespace

Result<std::unique_ptr<Home>> Home::Open(const std::string& path) {
  std::unique_ptr<Home> home(new Home());
  Result<void> opened = home->OpenParts(path);
  if (!opened.ok()) {
    return opened.TakeError()
        .Context("the home directory " + path + " cannot be used")
        .WithCode(Code::kConfig)
        .WithHint(
            "name a directory that this user can write, by BOXLITE_HOME or the option home_dir");
  }
  return home;
}

Result<void> Home::OpenParts(const std::string& path) {
  path_ = BOXLITE_TRY(OpenRoot(path, root_));
  db_ = BOXLITE_TRY(OpenPart(root_.get(), "db"));
  images_ = BOXLITE_TRY(OpenPart(root_.get(), "images"));
  UniqueFd blobs = BOXLITE_TRY(OpenPart(images_.get(), "blobs"));
  blobs_ = BOXLITE_TRY(OpenPart(blobs.get(), "sha256"));
  jobs_ = BOXLITE_TRY(OpenPart(images_.get(), "jobs"));
  rootfs_ = BOXLITE_TRY(OpenPart(root_.get(), "rootfs"));
  boxes_ = BOXLITE_TRY(OpenPart(root_.get(), "boxes"));
  templates_ = BOXLITE_TRY(OpenPart(root_.get(), "templates"));
  return {};
}

Result<UniqueFd> Home::CreateBoxDir(const std::string& id) const {
  BOXLITE_TRY(sys::MakeDirAt(boxes(), id, kPrivateDir));
  return OpenBoxDir(id);
}

Result<UniqueFd> Home::OpenBoxDir(const std::string& id) const {
  return sys::OpenAt(boxes(), id, kDirFlags | O_NOFOLLOW);
}

Result<void> Home::RemoveBoxDir(const std::string& id) const {
  return RemoveTree(boxes(), id);
}

Result<std::optional<UniqueFd>> Home::LockBox(const std::string& id) const {
  UniqueFd dir = BOXLITE_TRY(CreateBoxDir(id));
  UniqueFd lock =
      BOXLITE_TRY(sys::OpenAt(dir.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW, kPrivateFile));
  bool taken = BOXLITE_TRY(sys::LockExclusive(lock.get(), sys::LockWait::kNo));
  if (!taken) return std::optional<UniqueFd>();
  return std::optional<UniqueFd>(std::move(lock));
}

Result<bool> Home::IsBoxLocked(const std::string& id) const {
  Result<UniqueFd> lock = sys::OpenAt(boxes(), id + "/lock", O_RDWR | O_NOFOLLOW);
  if (!lock.ok() && lock.error().code() == Code::kNotFound) return false;
  if (!lock.ok()) return lock.TakeError();
  bool taken = BOXLITE_TRY(sys::LockExclusive(lock.value().get(), sys::LockWait::kNo));
  return !taken;
}

Result<std::optional<UniqueFd>> Home::OpenConfig() const {
  Result<UniqueFd> file = sys::OpenAt(root(), "config.json", O_RDONLY);
  if (file.ok()) return std::optional<UniqueFd>(file.TakeValue());
  if (file.error().os_errno() == ENOENT) return std::optional<UniqueFd>();
  return file.TakeError()
      .Context(path_)
      .WithCode(Code::kConfig)
      .WithHint("make config.json readable by this user");
}

uint64_t BytesOf(int fd) {
  Result<struct stat> info = sys::Stat(fd);
  return info.ok() ? BlockBytes(info.value()) : 0;
}

uint64_t BytesBelow(int dir_fd, const std::string& name) {
  return BytesOfEntry(dir_fd, name, 0);
}

Result<void> RemoveTree(int dir_fd, const std::string& name) {
  return RemoveEntry(dir_fd, name, 0);
}

}  // namespace boxlite::store
