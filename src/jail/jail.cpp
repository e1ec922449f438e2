#include "jail/jail.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/sys.h"

namespace boxlite::jail {
namespace {

Result<void> Check(long result, const char* what) {
  if (result < 0) return sys::ErrnoError(what);
  return {};
}

}  // namespace

void Report::Add(const char* layer, const char* state, const Result<void>& result) {
  std::string line = std::string(layer) + ": ";
  line += result.ok() ? state : "refused by the host (" + result.error().message() + ")";
  lines_.push_back(std::move(line));
}

Result<void> NoNewPrivileges() {
  return Check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "set no_new_privs");
}

Result<void> DropCapabilities() {
  // The bounding set first: dropping from it needs a capability. An ordinary user has none, and
  // nothing to drop it from.
  for (int capability = 0; capability <= 63; ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) break;
  }
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
    return sys::ErrnoError("clear the ambient capabilities");
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2]{};
  return Check(::syscall(SYS_capset, &header, none), "drop the capabilities");
}

Result<void> LimitResources(std::span<const Limit> limits) {
  for (const Limit& limit : limits) {
    rlimit current{};
    auto resource = static_cast<__rlimit_resource_t>(limit.resource);
    BOXLITE_TRY(Check(::getrlimit(resource, &current), "read a resource limit"));
    rlim_t value = std::min(limit.value, current.rlim_max);
    rlimit wanted{value, value};
    BOXLITE_TRY(Check(::setrlimit(resource, &wanted), "set a resource limit"));
  }
  return {};
}

Result<void> CloseDescriptorsExcept(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned from = 0;
  for (int fd : keep) {
    auto kept = static_cast<unsigned>(fd);
    if (fd < 0 || kept < from) continue;
    if (kept > from) BOXLITE_TRY(Check(::close_range(from, kept - 1, 0), "close descriptors"));
    from = kept + 1;
  }
  return Check(::close_range(from, ~0u, 0), "close descriptors");
}

void ClearEnvironment(char** environment) {
  for (char** entry = environment; *entry; ++entry) std::memset(*entry, 0, std::strlen(*entry));
  *environment = nullptr;
}

Result<void> ForbidDumps() {
  return Check(::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0), "forbid core dumps");
}

}  // namespace boxlite::jail
