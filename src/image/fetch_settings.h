// FetchSettings: everything of the user's that a FETCH goes by, read before this process locks
// itself in: config.json of the home directory, the environment, docker's config.json, files of
// certificates, and what credential helpers answer. docs/images.md, "Settings", describes the
// files.
//
// Thread rule: the main thread while it is the only one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/credential_helper.h"
#include "image/credentials.h"
#include "image/limits.h"
#include "image/proxies.h"
#include "oci/reference.h"
#include "oci/registry.h"
#include "proto/messages.h"

namespace boxlite::image {

constexpr size_t kMaxUserConfig = kMib;

struct FetchLimits {
  int64_t connect_ms = 15'000;   // to a server, TLS included
  int64_t idle_ms = 30'000;      // with less than kSlowest bytes a second
  int64_t document_ms = 60'000;  // a manifest, a config or a token as a whole
  int attempts = 5;              // without anything gained
  int parallel = 4;              // blobs at a time
};

// What config.json says about one registry.
struct RegistrySettings {
  std::vector<oci::Registry> mirrors;  // tried before it
  std::string authorities;             // path of a file of certificates; empty: none
  std::string credentials;             // path of a file like docker's; empty: docker's
};

struct UserConfig {
  std::vector<std::string> image_registries;
  std::map<std::string, RegistrySettings> registries;  // by CredentialHost
  FetchLimits limits;
  int zstd_window_mib = 1 << (kZstdWindowLog - 20);  // that a layer may ask for
};

// config.json on `fd`; the defaults where that is negative. kConfig names the file and the member.
Result<UserConfig> ReadUserConfig(int fd);
// kConfig names the member. `text` is the user's config.json.
Result<UserConfig> ParseUserConfig(std::string_view text);

// One place to ask with the mirrors that are asked before it.
struct Source {
  oci::Location origin;
  std::vector<oci::Location> mirrors;
};

// What a registry is to be told where it asks who we are.
struct Access {
  Account account;
  std::string problem;  // why there is no account although there might be; empty: none
  std::string hint;
};

struct FetchSettings {
  oci::Reference reference;
  std::vector<Source> sources;  // in the order in which they are asked; never empty
  FetchLimits limits;
  Proxies proxies;
  std::map<std::string, Access> access;            // by CredentialHost
  std::map<std::string, std::string> authorities;  // PEM, by the host of a URL, port included
  std::string default_authorities;                 // PEM; empty: the machine's

  Access AccessTo(const oci::Registry& registry) const;
};

struct UserFiles {
  int config = -1;       // config.json of the home directory
  int environment = -1;  // NAME=value, a NUL after each
};
Result<FetchSettings> ReadFetchSettings(const proto::Fetch& request, const UserFiles& files,
                                        const AwaitReadable& await);

}  // namespace boxlite::image
