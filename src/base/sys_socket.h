// Non-blocking reading and sending on sockets and pipes, as Results. None raises SIGPIPE.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::sys {

// Bytes read; 0 at the end; nothing where a read would block.
Result<std::optional<size_t>> ReadSome(int fd, void* data, size_t size);

// Sends `head`, then `body`, with one system call, as far as the socket takes them without
// blocking. 0: it takes nothing now.
Result<size_t> SendSome(int socket, ByteSpan head, ByteSpan body = {});

// The next waiting connection, non-blocking; nothing where none waits (any more).
Result<std::optional<UniqueFd>> Accept(int socket);

// Buffers of `bytes` in both directions, as far as the host allows.
void EnlargeSocketBuffers(int socket, int bytes);

// The user and process on the other side of a unix socket.
struct Peer {
  uid_t uid = 0;
  pid_t pid = 0;
};
Result<Peer> PeerOf(int socket);

// A descriptor of the process `pid`; readable once it has ended.
Result<UniqueFd> PidFd(pid_t pid);

}  // namespace boxlite::sys
