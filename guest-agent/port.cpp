#include "guest-agent/port.h"

#include <dirent.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <memory>

#include "base/sys.h"

namespace boxlite::agent {
namespace {

constexpr char kPortName[] = "boxlite.agent\n";
constexpr char kPorts[] = "/sys/class/virtio-ports";
constexpr uint32_t kKernelEvents = 1;  // multicast group: what the kernel itself says

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

PortFinder::PortFinder(Loop& loop, std::function<void(const std::string&)> found)
    : found_(std::move(found)), watch_(loop, [this](uint32_t) { OnEvent(); }) {}

Result<void> PortFinder::Start() {
  // Listen first and look then, or the event between the two is lost.
  int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  events_.Reset(::socket(AF_NETLINK, type, NETLINK_KOBJECT_UEVENT));
  if (!events_) return sys::ErrnoError("open a socket for kernel events");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = kKernelEvents;
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  if (::bind(events_.get(), generic, sizeof address) < 0) {
    return sys::ErrnoError("listen for kernel events");
  }
  if (Look()) return {};
  return watch_.Want(events_.get(), EPOLLIN);
}

void PortFinder::OnEvent() {
  char event[4096];
  // Lost events (ENOBUFS) do not matter: each only says "look again".
  while (::recv(events_.get(), event, sizeof event, 0) >= 0) {
  }
  if (Look()) watch_.Stop();
}

bool PortFinder::Look() {
  std::unique_ptr<DIR, CloseDirectory> ports(::opendir(kPorts));
  if (!ports) return false;
  while (const dirent* entry = ::readdir(ports.get())) {
    std::string device = entry->d_name;
    if (device.front() == '.') continue;
    auto name = sys::ReadFileAt(AT_FDCWD, std::string(kPorts) + "/" + device + "/name", 4096);
    if (!name.ok() || name.value() != kPortName) continue;
    events_.Reset();
    found_("/dev/" + device);
    return true;
  }
  return false;
}

}  // namespace boxlite::agent
