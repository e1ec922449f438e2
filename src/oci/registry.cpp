#include "oci/registry.h"

namespace boxlite::oci {
namespace {

// docker.io is a name; this is the machine behind it.
constexpr std::string_view kDefaultHostApi = "registry-1.docker.io";

std::string_view ApiHost(std::string_view host) {
  return host == kDefaultHost ? kDefaultHostApi : host;
}

Transport TransportOf(std::string_view host, const std::vector<Registry>& registries) {
  for (const Registry& registry : registries)
    if (registry.host == host) return registry.transport;
  return Transport::kHttps;
}

}  // namespace

std::string Registry::Url() const {
  return (transport == Transport::kHttp ? "http://" : "https://") + host;
}

Result<Registry> ParseRegistry(std::string_view text) {
  constexpr std::string_view kHttpPrefix = "http://";
  constexpr std::string_view kHttpsPrefix = "https://";
  Registry registry;
  std::string_view rest = text;
  if (rest.substr(0, kHttpPrefix.size()) == kHttpPrefix) {
    registry.transport = Transport::kHttp;
    rest.remove_prefix(kHttpPrefix.size());
  } else if (rest.substr(0, kHttpsPrefix.size()) == kHttpsPrefix) {
    rest.remove_prefix(kHttpsPrefix.size());
  }
  while (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  size_t slash = rest.find('/');
  registry.host = ApiHost(rest.substr(0, slash));
  if (slash != std::string_view::npos) registry.prefix = rest.substr(slash + 1);
  if (!IsHost(registry.host) || (slash != std::string_view::npos && !IsPath(registry.prefix))) {
    // What stands before an @ may be a password.
    bool secret = text.find('@') != std::string_view::npos;
    std::string shown = secret ? "with an @" : "\"" + std::string(text.substr(0, 300)) + "\"";
    return Error(
        Code::kInvalidArgument, "image registry " + shown + " is not valid",
        "write [http://|https://]host[:port][/prefix]; credentials come from docker login");
  }
  return registry;
}

Location LocationAt(const Registry& registry, std::string_view path) {
  Location location{registry, registry.prefix};
  if (!location.repository.empty()) location.repository += '/';
  location.repository += path;
  return location;
}

std::vector<Location> Locations(const Reference& reference,
                                const std::vector<Registry>& registries) {
  std::vector<Location> locations;
  if (!reference.host_written) {
    for (const Registry& registry : registries) {
      locations.push_back(LocationAt(registry, reference.written));
      if (reference.path != reference.written)
        locations.push_back(LocationAt(registry, reference.path));
    }
  }
  std::string host(ApiHost(reference.host));
  locations.push_back({Registry{TransportOf(host, registries), host, {}}, reference.path});
  return locations;
}

}  // namespace boxlite::oci
