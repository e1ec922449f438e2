// room: agent
// The user of a request, /etc/passwd and /etc/group as an image may have written them, separated by
// zero bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "guest-agent/users.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view parts[3];
  for (std::string_view& part : parts) {
    size_t end = text.find('\0');
    part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  auto identity = boxlite::agent::ResolveUser(parts[0], parts[1], parts[2]);
  // The highest number would leave the child as root.
  if (identity.ok() && (identity.value().uid == UINT32_MAX || identity.value().gid == UINT32_MAX)) {
    std::abort();
  }
  return 0;
}
