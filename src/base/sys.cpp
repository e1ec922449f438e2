#include "base/sys.h"

#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>

namespace boxlite::sys {
namespace {

// Calls `call` again while a signal interrupts it.
template <typename Call>
auto Retry(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

Result<void> Check(int result, std::string what) {
  if (result < 0) return ErrnoError(std::move(what));
  return {};
}

}  // namespace

Code CodeFromErrno(int os_errno) {
  switch (os_errno) {
    case ENOENT:
    case ENOTDIR:
      return Code::kNotFound;
    case EEXIST:
      return Code::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return Code::kPermission;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN:
      return Code::kResourceExhausted;
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
      return Code::kInvalidArgument;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
      return Code::kStopped;
    case EIO:
      return Code::kStorage;
    default:
      return Code::kInternal;
  }
}

Error ErrnoError(std::string what, int os_errno) {
  return Error::FromErrno(CodeFromErrno(os_errno), std::move(what), os_errno);
}

Error ErrnoError(std::string what) {
  return ErrnoError(std::move(what), errno);
}

Result<UniqueFd> Open(const std::string& path, int flags, mode_t mode) {
  return OpenAt(AT_FDCWD, path, flags, mode);
}

Result<UniqueFd> OpenAt(int dir_fd, const std::string& path, int flags, mode_t mode) {
  int fd = Retry([&] { return ::openat(dir_fd, path.c_str(), flags | O_CLOEXEC, mode); });
  if (fd < 0) return ErrnoError("open " + path);
  return UniqueFd(fd);
}

Result<UniqueFd> Duplicate(int fd) {
  int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (copy < 0) return ErrnoError("duplicate a descriptor");
  return UniqueFd(copy);
}

Result<size_t> Read(int fd, void* data, size_t size) {
  ssize_t count = Retry([&] { return ::read(fd, data, size); });
  if (count < 0) return ErrnoError("read");
  return static_cast<size_t>(count);
}

Result<size_t> ReadAt(int fd, void* data, size_t size, uint64_t offset) {
  ssize_t count = Retry([&] { return ::pread(fd, data, size, static_cast<off_t>(offset)); });
  if (count < 0) return ErrnoError("read");
  return static_cast<size_t>(count);
}

Result<void> WriteAll(int fd, ByteSpan data) {
  while (!data.empty()) {
    ssize_t count = Retry([&] { return ::write(fd, data.data(), data.size()); });
    if (count < 0) return ErrnoError("write");
    data = data.subspan(static_cast<size_t>(count));
  }
  return {};
}

Result<void> WriteAllAt(int fd, ByteSpan data, uint64_t offset) {
  while (!data.empty()) {
    ssize_t count =
        Retry([&] { return ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset)); });
    if (count < 0) return ErrnoError("write");
    data = data.subspan(static_cast<size_t>(count));
    offset += static_cast<uint64_t>(count);
  }
  return {};
}

Result<std::string> ReadFile(int fd, size_t limit) {
  std::string text;
  for (;;) {
    size_t at = text.size();
    text.resize(at + 16384);
    size_t count = BOXLITE_TRY(Read(fd, text.data() + at, 16384));
    text.resize(at + count);
    if (count == 0) return text;
    if (text.size() > limit)
      return Error(Code::kInvalidArgument,
                   "the file is longer than " + std::to_string(limit) + " bytes");
  }
}

Result<std::string> ReadFileAt(int dir_fd, const std::string& path, size_t limit) {
  UniqueFd fd = BOXLITE_TRY(OpenAt(dir_fd, path, O_RDONLY));
  Result<std::string> text = ReadFile(fd.get(), limit);
  if (!text.ok()) return text.TakeError().Context(path);
  return text;
}

Result<UniqueFd> MemoryFile(const std::string& name, ByteSpan data) {
  UniqueFd file(::memfd_create(name.c_str(), MFD_CLOEXEC));
  if (!file) return ErrnoError("create a file in memory");
  // The position stays at the beginning.
  BOXLITE_TRY(WriteAllAt(file.get(), data, 0));
  return file;
}

Result<std::pair<UniqueFd, UniqueFd>> Pipe(int flags) {
  int ends[2];
  if (::pipe2(ends, flags | O_CLOEXEC) < 0) return ErrnoError("create a pipe");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<std::pair<UniqueFd, UniqueFd>> SocketPair(int type) {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) < 0)
    return ErrnoError("create a socket pair");
  return std::pair(UniqueFd(ends[0]), UniqueFd(ends[1]));
}

Result<void> SetNonBlocking(int fd) {
  int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0) return ErrnoError("read the flags of a descriptor");
  return Check(::fcntl(fd, F_SETFL, flags | O_NONBLOCK), "make a descriptor non-blocking");
}

Result<void> SetCloseOnExec(int fd, bool close_on_exec) {
  return Check(::fcntl(fd, F_SETFD, close_on_exec ? FD_CLOEXEC : 0), "set close-on-exec");
}

Result<struct stat> Stat(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) < 0) return ErrnoError("stat");
  return info;
}

Result<struct stat> StatAt(int dir_fd, const std::string& path, int flags) {
  struct stat info {};
  if (::fstatat(dir_fd, path.c_str(), &info, flags) < 0) return ErrnoError("stat " + path);
  return info;
}

Result<void> MakeDirAt(int dir_fd, const std::string& path, mode_t mode) {
  if (::mkdirat(dir_fd, path.c_str(), mode) < 0 && errno != EEXIST)
    return ErrnoError("create directory " + path);
  return {};
}

Result<void> RenameAt(int from_dir, const std::string& from, int to_dir, const std::string& to) {
  return Check(::renameat(from_dir, from.c_str(), to_dir, to.c_str()),
               "rename " + from + " to " + to);
}

Result<void> UnlinkAt(int dir_fd, const std::string& path, int flags) {
  if (::unlinkat(dir_fd, path.c_str(), flags) < 0 && errno != ENOENT)
    return ErrnoError("remove " + path);
  return {};
}

Result<void> Truncate(int fd, uint64_t size) {
  return Check(Retry([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }),
               "set a file's size");
}

Result<void> Sync(int fd) {
  return Check(Retry([&] { return ::fsync(fd); }), "write a file through to the disk");
}

Result<void> PunchHole(int fd, uint64_t offset, uint64_t size) {
  return Check(Retry([&] {
                 return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                    static_cast<off_t>(offset), static_cast<off_t>(size));
               }),
               "punch a hole into a file");
}

Result<bool> LockExclusive(int fd, LockWait wait) {
  int operation = LOCK_EX | (wait == LockWait::kNo ? LOCK_NB : 0);
  if (Retry([&] { return ::flock(fd, operation); }) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  return ErrnoError("lock a file");
}

namespace {

struct flock ByteLock(int type, uint64_t offset) {
  struct flock lock {};
  lock.l_type = static_cast<short>(type);
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(offset);
  lock.l_len = 1;
  return lock;
}

}  // namespace

Result<bool> LockByte(int fd, uint64_t offset, LockKind kind, LockWait wait) {
  struct flock lock = ByteLock(kind == LockKind::kShared ? F_RDLCK : F_WRLCK, offset);
  int command = wait == LockWait::kYes ? F_OFD_SETLKW : F_OFD_SETLK;
  if (Retry([&] { return ::fcntl(fd, command, &lock); }) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return ErrnoError("lock a part of a file");
}

Result<void> UnlockByte(int fd, uint64_t offset) {
  struct flock lock = ByteLock(F_UNLCK, offset);
  if (::fcntl(fd, F_OFD_SETLK, &lock) < 0) return ErrnoError("unlock a part of a file");
  return {};
}

Result<UniqueFd> EventFd() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return ErrnoError("make an eventfd");
  return fd;
}

Result<int> Ioctl(int fd, unsigned long request, uint64_t argument, const char* what) {
  int answer = ::ioctl(fd, request, argument);
  if (answer < 0) return ErrnoError(what);
  return answer;
}

Result<void> FillRandom(void* data, size_t size) {
  auto* at = static_cast<uint8_t*>(data);
  while (size > 0) {
    ssize_t count = Retry([&] { return ::getrandom(at, size, 0); });
    if (count < 0) return ErrnoError("read random bytes");
    at += count;
    size -= static_cast<size_t>(count);
  }
  return {};
}

}  // namespace boxlite::sys
