#include "image/fetch_lock_in.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <iterator>
#include <vector>

#include "image/filter_rules.h"
#include "image/limits.h"
#include "jail/landlock.h"

namespace boxlite::image {
namespace {

constexpr jail::Limit kLimits[] = {
    {RLIMIT_AS, 2 * kGib},              // threads and libraries; a document unpacks to far less
    {RLIMIT_NOFILE, kMaxLayers + 128},  // each layer's piece, 16 transfers with their connections
    {RLIMIT_FSIZE, kMaxLayerBytes},     // nothing is written but blobs
    {RLIMIT_CORE, 0},
};

constexpr jail::Rule kOwnRules[] = {
    // What is open, and the staging directory.
    {SYS_read, {}},
    {SYS_write, {}},
    {SYS_readv, {}},
    {SYS_writev, {}},
    {SYS_pread64, {}},
    {SYS_close, {}},
    {SYS_lseek, {}},
    {SYS_fstat, {}},
    {SYS_newfstatat, {}},
    {SYS_openat, {}},
    {SYS_ftruncate, {}},
    {SYS_mkdirat, {}},
    {SYS_renameat, {}},
    {SYS_unlinkat, {}},
    {SYS_getdents64, {}},
    {SYS_fcntl, {}},
    // Clients, TCP and name service: IP, sockets of this machine's resolver, and the list of its
    // addresses.
    {SYS_socket, {jail::Is(0, AF_INET)}},
    {SYS_socket, {jail::Is(0, AF_INET6)}},
    {SYS_socket, {jail::Is(0, AF_UNIX)}},
    {SYS_socket, {jail::Is(0, AF_NETLINK)}},
    {SYS_socketpair, {}},
    {SYS_connect, {}},
    {SYS_bind, {}},
    {SYS_accept4, {}},
    {SYS_getsockname, {}},
    {SYS_getpeername, {}},
    {SYS_setsockopt, {}},
    {SYS_getsockopt, {}},
    {SYS_recvfrom, {}},
    {SYS_recvmsg, {}},
    {SYS_sendto, {}},
    {SYS_sendmsg, {}},
    {SYS_sendmmsg, {}},
    {SYS_shutdown, {}},
    {SYS_ioctl, {jail::Is(1, FIONREAD)}},
    {SYS_ioctl, {jail::Is(1, FIONBIO)}},
    {SYS_poll, {}},
    {SYS_ppoll, {}},
    {SYS_eventfd2, {}},
    {SYS_pipe2, {}},
    // Memory: nothing is writable and executable. Name service loads its modules late.
    {SYS_mmap, {jail::Lacks(2, PROT_EXEC)}},
    {SYS_mmap, {jail::Lacks(2, PROT_WRITE)}},
    {SYS_mprotect, {jail::Lacks(2, PROT_EXEC)}},
    {SYS_prlimit64, {jail::IsNull(2)}},  // asking, not setting
    {SYS_clock_nanosleep, {}},
    {SYS_gettimeofday, {}},
    {SYS_time, {}},
    {SYS_uname, {}},
    {SYS_sysinfo, {}},
    // What name service's modules (resolve, mdns, myhostname) call on other machines than this.
    {SYS_open, {}},
    {SYS_stat, {}},
    {SYS_lstat, {}},
    {SYS_statx, {}},
    {SYS_access, {}},
    {SYS_faccessat, {}},
    {SYS_faccessat2, {}},
    {SYS_readlink, {}},
    {SYS_readlinkat, {}},
    {SYS_select, {}},
    {SYS_pselect6, {}},
    {SYS_epoll_create1, {}},
    {SYS_epoll_ctl, {}},
    {SYS_epoll_wait, {}},
    {SYS_epoll_pwait, {}},
};
constexpr auto kRules = WithCommon(kOwnRules);

// glibc then makes its threads by clone, whose flags a filter can see.
constexpr int kUnknownCalls[] = {SYS_clone3};

// What name service and TLS read.
constexpr const char* kReadable[] = {
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/var/lib/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share",
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/run/systemd/resolve",
    "/dev/urandom",
};

}  // namespace

std::span<const jail::Limit> FetchResourceLimits() {
  return kLimits;
}

std::span<const jail::Rule> FetchRules() {
  return kRules;
}

std::span<const int> FetchUnknownCalls() {
  return kUnknownCalls;
}

Result<void> RestrictFetchFiles(const Descriptors& descriptors) {
  std::vector<jail::FileRule> rules;
  rules.reserve(std::size(kReadable) + 2);
  for (const char* path : kReadable) rules.push_back({path, -1, jail::FileAccess::kRead});
  if (descriptors.blobs >= 0) rules.push_back({{}, descriptors.blobs, jail::FileAccess::kRead});
  if (descriptors.staging >= 0)
    rules.push_back({{}, descriptors.staging, jail::FileAccess::kWrite});
  BOXLITE_TRY(jail::RestrictFiles(rules));
  return {};
}

}  // namespace boxlite::image
