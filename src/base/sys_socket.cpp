#include "base/sys_socket.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

#include "base/sys.h"

namespace boxlite::sys {
namespace {

bool WouldBlock() {
  return errno == EAGAIN || errno == EWOULDBLOCK;
}

iovec ToIovec(ByteSpan bytes) {
  return {const_cast<uint8_t*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<std::optional<size_t>> ReadSome(int fd, void* data, size_t size) {
  for (;;) {
    ssize_t count = ::read(fd, data, size);
    if (count >= 0) return std::optional<size_t>(static_cast<size_t>(count));
    if (WouldBlock()) return std::optional<size_t>();
    if (errno != EINTR) return ErrnoError("read");
  }
}

Result<size_t> SendSome(int socket, ByteSpan head, ByteSpan body) {
  iovec parts[2] = {ToIovec(head), ToIovec(body)};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = body.empty() ? 1 : 2;
  for (;;) {
    ssize_t count = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) return static_cast<size_t>(count);
    if (WouldBlock()) return size_t{0};
    if (errno != EINTR) return ErrnoError("send");
  }
}

Result<std::optional<UniqueFd>> Accept(int socket) {
  for (;;) {
    int fd = ::accept4(socket, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) return std::optional<UniqueFd>(UniqueFd(fd));
    if (WouldBlock() || errno == ECONNABORTED) return std::optional<UniqueFd>();
    if (errno != EINTR) return ErrnoError("accept a connection");
  }
}

void EnlargeSocketBuffers(int socket, int bytes) {
  // Best effort: a smaller buffer costs speed and nothing else.
  static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes));
  static_cast<void>(::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes));
}

Result<Peer> PeerOf(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
    return ErrnoError("ask who is on the other side of a socket");
  return Peer{credentials.uid, credentials.pid};
}

Result<UniqueFd> PidFd(pid_t pid) {
  auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));  // close-on-exec by itself
  if (fd < 0) return ErrnoError("open a descriptor of process " + std::to_string(pid));
  return UniqueFd(fd);
}

}  // namespace boxlite::sys
