// System calls as Results. Each wrapper retries EINTR where that is right, makes descriptors
// close-on-exec, and names the object in its error. Rooms call these and not the libc functions.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::sys {

// The code that an errno most likely means to a caller: ENOENT not-found, EACCES permission, ENOSPC
// resource-exhausted …
Code CodeFromErrno(int os_errno);
// `what` names the object and the attempt: "open /dev/kvm".
Error ErrnoError(std::string what, int os_errno);
Error ErrnoError(std::string what);  // with the current errno

Result<UniqueFd> Open(const std::string& path, int flags, mode_t mode = 0);
Result<UniqueFd> OpenAt(int dir_fd, const std::string& path, int flags, mode_t mode = 0);
Result<UniqueFd> Duplicate(int fd);

Result<size_t> Read(int fd, void* data, size_t size);
Result<size_t> ReadAt(int fd, void* data, size_t size, uint64_t offset);
// All of it or an error.
Result<void> WriteAll(int fd, ByteSpan data);
Result<void> WriteAllAt(int fd, ByteSpan data, uint64_t offset);
// At most `limit` bytes; a longer file is an error that says so.
Result<std::string> ReadFile(int fd, size_t limit);
Result<std::string> ReadFileAt(int dir_fd, const std::string& path, size_t limit);

// A file without a name or a disk, with these bytes; read from its beginning. `name` is for /proc.
Result<UniqueFd> MemoryFile(const std::string& name, ByteSpan data);

// First is the read end.
Result<std::pair<UniqueFd, UniqueFd>> Pipe(int flags = 0);
Result<std::pair<UniqueFd, UniqueFd>> SocketPair(int type = SOCK_STREAM);
Result<void> SetNonBlocking(int fd);
Result<void> SetCloseOnExec(int fd, bool close_on_exec);

Result<struct stat> Stat(int fd);
Result<struct stat> StatAt(int dir_fd, const std::string& path, int flags = 0);
Result<void> MakeDirAt(int dir_fd, const std::string& path,
                       mode_t mode);  // one that exists already is fine
Result<void> RenameAt(int from_dir, const std::string& from, int to_dir, const std::string& to);
// A name that does not exist is fine. `flags` may be AT_REMOVEDIR.
Result<void> UnlinkAt(int dir_fd, const std::string& path, int flags = 0);
Result<void> Truncate(int fd, uint64_t size);
Result<void> Sync(int fd);
// Gives a range of a file back to the disk; it reads as zeros then and the size stays.
Result<void> PunchHole(int fd, uint64_t offset, uint64_t size);

// An exclusive flock on the open file description. False where somebody else holds it and `wait` is
// false.
enum class LockWait { kNo, kYes };
Result<bool> LockExclusive(int fd, LockWait wait);

// A lock on one byte of a file, which need not be there; it belongs to the open file description
// and ends with it. False where it is held otherwise and `wait` is kNo.
enum class LockKind { kShared, kExclusive };
Result<bool> LockByte(int fd, uint64_t offset, LockKind kind, LockWait wait);
Result<void> UnlockByte(int fd, uint64_t offset);

// A counter that is readable while it is not zero, non-blocking.
Result<UniqueFd> EventFd();
// The answer of a device; `what` names the device and the attempt. A call that a signal interrupted
// is not made again.
Result<int> Ioctl(int fd, unsigned long request, uint64_t argument, const char* what);
template <typename T>
Result<int> Ioctl(int fd, unsigned long request, T* argument, const char* what) {
  return Ioctl(fd, request, reinterpret_cast<uint64_t>(argument), what);
}

// `size` bytes of the kernel's random generator, never blocking after early boot.
Result<void> FillRandom(void* data, size_t size);

}  // namespace boxlite::sys
