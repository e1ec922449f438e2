#include "guest-agent/configure.h"

#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/sys.h"
#include "guest-agent/cgroup.h"

namespace boxlite::agent {
namespace {

constexpr size_t kMinEntropy = 32;
constexpr size_t kMaxEntropy = 4096;
constexpr int64_t kNsPerSecond = 1'000'000'000;

// Two boxes from one saved machine must not draw the same numbers, so a box whose generator cannot
// be seeded does not run.
Result<void> SeedRandom(const std::string& entropy) {
  if (entropy.size() < kMinEntropy || entropy.size() > kMaxEntropy) {
    return Error(Code::kInvalidArgument,
                 "a box needs 32 to 4096 bytes of entropy, not " + std::to_string(entropy.size()));
  }
  UniqueFd random = BOXLITE_TRY(sys::Open("/dev/urandom", O_WRONLY));
  // rand_pool_info: two ints, then the bytes.
  std::vector<int> pool(2 + (entropy.size() + sizeof(int) - 1) / sizeof(int));
  pool[0] = static_cast<int>(entropy.size() * 8);
  pool[1] = static_cast<int>(entropy.size());
  std::memcpy(pool.data() + 2, entropy.data(), entropy.size());
  if (::ioctl(random.get(), RNDADDENTROPY, pool.data()) < 0) {
    return sys::ErrnoError("seed the random generator");
  }
  if (::ioctl(random.get(), RNDRESEEDCRNG) < 0)
    return sys::ErrnoError("reseed the random generator");
  return {};
}

Result<void> SetClock(uint64_t realtime_ns) {
  if (realtime_ns == 0) return {};
  auto ns = static_cast<int64_t>(realtime_ns);
  timespec now{ns / kNsPerSecond, ns % kNsPerSecond};
  if (::clock_settime(CLOCK_REALTIME, &now) < 0) return sys::ErrnoError("set the clock");
  return {};
}

Result<void> SetHostname(const std::string& name) {
  if (::sethostname(name.data(), name.size()) < 0) {
    return sys::ErrnoError("set the hostname \"" + name + "\"");
  }
  return {};
}

Result<void> BringLoopbackUp() {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return sys::ErrnoError("open a socket");
  ifreq request{};
  std::memcpy(request.ifr_name, "lo", sizeof "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) < 0) return sys::ErrnoError("bring lo up");
  return {};
}

// Writes `text` where the image has no such file or an empty one, and never through a symbolic
// link.
Result<void> WriteWhereMissing(const std::string& path, const std::string& text) {
  int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  auto file = sys::Open(path, flags, 0644);
  if (!file.ok()) return {};  // It is there, as something else.
  struct stat info = BOXLITE_TRY(sys::Stat(file.value().get()));
  if (!S_ISREG(info.st_mode) || info.st_size > 0) return {};
  return sys::WriteAll(file.value().get(), AsBytes(text));
}

Result<void> RenewMachineId() {
  constexpr char kPath[] = "/etc/machine-id";
  struct stat info {};
  if (::lstat(kPath, &info) < 0 || !S_ISREG(info.st_mode)) return {};
  uint8_t bytes[16];
  BOXLITE_TRY(sys::FillRandom(bytes, sizeof bytes));
  std::string text = ToHex(bytes) + '\n';
  UniqueFd file = BOXLITE_TRY(sys::Open(kPath, O_WRONLY | O_TRUNC | O_NOFOLLOW));
  return sys::WriteAll(file.get(), AsBytes(text));
}

Result<void> WriteIdentity(const std::string& hostname) {
  BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, "/etc", 0755));
  BOXLITE_TRY(WriteWhereMissing("/etc/hostname", hostname + "\n"));
  BOXLITE_TRY(WriteWhereMissing(
      "/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost\n127.0.1.1\t" + hostname + "\n"));
  BOXLITE_TRY(WriteWhereMissing("/etc/resolv.conf", "# This box has no name server.\n"));
  return RenewMachineId();
}

Result<void> MakeWorkingDirectory(const std::string& path) {
  if (path.empty()) return {};
  if (path.front() != '/') {
    return Error(Code::kInvalidArgument, "working directory \"" + path + "\" is not absolute");
  }
  for (size_t slash = 1; slash != 0; ++slash) {
    slash = path.find('/', slash);
    if (slash == std::string::npos) break;
    BOXLITE_TRY(sys::MakeDirAt(AT_FDCWD, path.substr(0, slash), 0755));
  }
  return sys::MakeDirAt(AT_FDCWD, path, 0755);
}

// What a box writes goes to its disk when it is old (30 s), asked for (fsync) or more than two
// fifths of the memory, not from a tenth on: most of it is read again or removed before that, and
// the disk seldom outlives the box.
Result<void> LetWritesWait() {
  constexpr struct {
    const char* path;
    std::string_view percent;
  } kLimits[] = {{"/proc/sys/vm/dirty_ratio", "50"}, {"/proc/sys/vm/dirty_background_ratio", "40"}};
  for (const auto& limit : kLimits) {
    UniqueFd file = BOXLITE_TRY(sys::Open(limit.path, O_WRONLY));
    BOXLITE_TRY(sys::WriteAll(file.get(), AsBytes(limit.percent)));
  }
  return {};
}

}  // namespace

Result<BoxTree> ConfigureBox(const proto::Configure& request) {
  BOXLITE_TRY(SeedRandom(request.entropy));
  BOXLITE_TRY(SetClock(request.realtime_ns));
  const std::string hostname = request.hostname.empty() ? "localhost" : request.hostname;
  BOXLITE_TRY(SetHostname(hostname));
  BoxTree tree = BOXLITE_TRY(EnterBoxTree(request.root_device, request.scratch_device));
  BOXLITE_TRY(MountInBox());
  BOXLITE_TRY(PrepareCgroups(request.max_processes));
  BOXLITE_TRY(LetWritesWait());
  BOXLITE_TRY(BringLoopbackUp());
  BOXLITE_TRY(WriteIdentity(hostname));
  BOXLITE_TRY(MakeWorkingDirectory(request.working_dir));
  return tree;
}

}  // namespace boxlite::agent
