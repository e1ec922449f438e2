// A credential helper of the user's: `docker-credential-NAME get`, with the registry on its
// standard input and the credentials on its standard output. It runs as the user, with the user's
// environment, before this process locks itself in; docs/images.md, "Credentials", says why here.
//
// Thread rule: the main thread while it is the only one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/credentials.h"

namespace boxlite::image {

// Waits until one of the descriptors can be read. False when the deadline (monotonic) has passed,
// or when nobody waits for the job any more.
using AwaitReadable = std::function<bool(std::span<const int> fds, int64_t deadline_ms)>;

struct HelperCall {
  std::string name;  // of docker-credential-NAME
  std::string host;
  const std::vector<std::string>& environment;  // NAME=value
};

// Nothing where the helper knows no credentials for the host. Errors (kConfig) name the helper and
// the host and never what the helper wrote.
Result<std::optional<Account>> AskHelper(const HelperCall& call, const AwaitReadable& await);

// The value in an environment; empty where it is not set.
std::string VariableIn(const std::vector<std::string>& environment, const std::string& name);

}  // namespace boxlite::image
