#include "base/sys_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/sys.h"

namespace boxlite::sys {
namespace {

constexpr size_t kCopyBuffer = 1024 * 1024;
constexpr int kMostTries = 100;

Result<void> CopyThroughMemory(int from, int to, off_t at, off_t end) {
  Bytes buffer(kCopyBuffer);
  while (at < end) {
    size_t wanted = std::min(buffer.size(), static_cast<size_t>(end - at));
    size_t count = BOXLITE_TRY(ReadAt(from, buffer.data(), wanted, static_cast<uint64_t>(at)));
    if (count == 0) return Error(Code::kStorage, "a file became shorter while it was copied");
    BOXLITE_TRY(WriteAllAt(to, ByteSpan(buffer).first(count), static_cast<uint64_t>(at)));
    at += static_cast<off_t>(count);
  }
  return {};
}

// Copies [at, end). What the kernel cannot copy by itself (two kinds of file systems) or does not
// want to goes through memory.
Result<void> CopyRange(int from, int to, off_t at, off_t end) {
  off_t out = at;
  while (at < end) {
    ssize_t count = ::copy_file_range(from, &at, to, &out, static_cast<size_t>(end - at), 0);
    bool interrupted = count < 0 && errno == EINTR;
    if (count <= 0 && !interrupted) return CopyThroughMemory(from, to, at, end);
  }
  return {};
}

struct DirCloser {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

}  // namespace

Result<std::vector<std::string>> ListDir(int dir_fd) {
  // A descriptor of its own: fdopendir takes over the one it is given, and reading moves it.
  UniqueFd fd = BOXLITE_TRY(OpenAt(dir_fd, ".", O_RDONLY | O_DIRECTORY));
  std::unique_ptr<DIR, DirCloser> dir(::fdopendir(fd.get()));
  if (!dir) return ErrnoError("read a directory");
  static_cast<void>(fd.Release());
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
  }
  if (errno != 0) return ErrnoError("read a directory");
  return names;
}

Result<std::string> RealPath(const std::string& path) {
  std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return ErrnoError("resolve " + path);
  return std::string(real.get());
}

Result<void> LinkFd(int fd, int to_dir, const std::string& to) {
  std::string from = "/proc/self/fd/" + std::to_string(fd);
  if (::linkat(AT_FDCWD, from.c_str(), to_dir, to.c_str(), AT_SYMLINK_FOLLOW) < 0)
    return ErrnoError("link " + to);
  return {};
}

Result<UniqueFd> OpenBeneath(int dir_fd, const std::string& path, int flags, Beneath links) {
  open_how how{};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = links == Beneath::kNoLinks ? RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
                                           : RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0;; ++tries) {
    long fd = ::syscall(SYS_openat2, dir_fd, path.c_str(), &how, sizeof how);
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    // EAGAIN: something was renamed on the way, so that the kernel could not be sure.
    if (errno == EINTR || (errno == EAGAIN && tries < kMostTries)) continue;
    if (errno == EXDEV || errno == ELOOP)
      return Error(Code::kPermission, path + " leads through a symbolic link").WithErrno(errno);
    return ErrnoError("open " + path);
  }
}

Result<void> CheckWritable(int dir_fd) {
  if (::faccessat(dir_fd, ".", W_OK | X_OK, AT_EACCESS) < 0) return ErrnoError("write");
  return {};
}

Result<void> CopySparse(int from, int to) {
  struct stat info = BOXLITE_TRY(Stat(from));
  BOXLITE_TRY(Truncate(to, static_cast<uint64_t>(info.st_size)));
  for (off_t at = 0; at < info.st_size;) {
    // The position that lseek leaves behind is never used: several threads may copy from one file.
    off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return {};  // Only a hole is left.
    if (data < 0) return ErrnoError("look for data in a file");
    at = ::lseek(from, data, SEEK_HOLE);
    if (at < 0) return ErrnoError("look for a hole in a file");
    BOXLITE_TRY(CopyRange(from, to, data, at));
  }
  return {};
}

}  // namespace boxlite::sys
