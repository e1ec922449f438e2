// Where a reference is looked for. An entry of the user's `image_registries` is
// `[http://|https://]host[:port][/prefix]`. A name that the user wrote without a host is searched
// in each entry, in order, and then on docker.io; a name with a host is looked for there alone,
// over plain http only where an entry says `http://` for that host.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/reference.h"

namespace boxlite::oci {

enum class Transport { kHttps, kHttp };

struct Registry {
  Transport transport = Transport::kHttps;
  std::string host;
  std::string prefix;  // without slashes at its ends; empty: none

  std::string Url() const;  // "http://127.0.0.1:5000"
};
Result<Registry> ParseRegistry(std::string_view text);

// One place to ask.
struct Location {
  Registry registry;
  std::string repository;  // the prefix is part of it

  std::string Url() const { return registry.Url() + "/" + repository; }
};

// The repository `path` in a registry, below its prefix.
Location LocationAt(const Registry& registry, std::string_view path);

// In the order in which they are to be asked; never empty. A place that does not have the image
// passes on to the next.
std::vector<Location> Locations(const Reference& reference,
                                const std::vector<Registry>& registries);

}  // namespace boxlite::oci
