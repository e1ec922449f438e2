#include "helper/unix_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/sys.h"

namespace boxlite::helper {
namespace {

constexpr int kBacklog = 128;

Result<sockaddr_un> AddressOf(int dir_fd, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = "/proc/self/fd/" + std::to_string(dir_fd) + "/" + name;
  if (path.size() >= sizeof address.sun_path)
    return Error(Code::kInvalidArgument, "the socket name " + name + " is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

Result<UniqueFd> NewSocket() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return sys::ErrnoError("create a unix socket");
  return socket;
}

}  // namespace

Result<UniqueFd> ListenAt(int dir_fd, const std::string& name) {
  sockaddr_un address = BOXLITE_TRY(AddressOf(dir_fd, name));
  BOXLITE_TRY(sys::UnlinkAt(dir_fd, name));
  UniqueFd socket = BOXLITE_TRY(NewSocket());
  // bind gives the file the socket's own mode less the umask, which is the user's business.
  if (::fchmod(socket.get(), 0600) != 0) return sys::ErrnoError("set the mode of a socket");
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return sys::ErrnoError("bind the socket " + name);
  if (::listen(socket.get(), kBacklog) != 0) return sys::ErrnoError("listen on " + name);
  return socket;
}

Result<UniqueFd> ConnectAt(int dir_fd, const std::string& name) {
  sockaddr_un address = BOXLITE_TRY(AddressOf(dir_fd, name));
  UniqueFd socket = BOXLITE_TRY(NewSocket());
  int result = 0;
  do {
    result = ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  } while (result != 0 && errno == EINTR);
  if (result != 0) return sys::ErrnoError("connect to the socket " + name);
  return socket;
}

}  // namespace boxlite::helper
