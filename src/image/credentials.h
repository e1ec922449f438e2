// Credentials for registries, as docker keeps them in ~/.docker/config.json:
//
//   {"auths": {"registry.example:5000": {"auth": "base64 of user:password"}},
//    "credHelpers": {"registry.example": "pass"},      docker-credential-pass
//    "credsStore": "secretservice"}                    for all other registries
//
// The file is the user's own and is read before this process meets a stranger. No error says more
// of it than a member's name: what is in there are secrets.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"

namespace boxlite::image {

constexpr size_t kMaxDockerConfig = 1024 * 1024;
constexpr size_t kMaxDockerRegistries = 1024;  // of each kind

// What somebody logs in with. Without a user name and an identity token: anonymous.
struct Account {
  std::string username, password;
  std::string identity_token;  // traded for a token at the registry's token server
  std::string source;          // for messages: "~/.docker/config.json"

  bool anonymous() const { return username.empty() && identity_token.empty(); }
};

struct DockerConfig {
  std::map<std::string, Account> accounts;  // by CredentialHost
  std::map<std::string, std::string>
      helpers;        // by CredentialHost; the part after docker-credential-
  std::string store;  // the same, for all others; empty: none

  // The helper that is to be asked for a host; empty: none.
  std::string HelperFor(const std::string& host) const;
};

Result<DockerConfig> ParseDockerConfig(std::string_view text);

// The name under which credentials for a registry are kept: host and port, from whatever form a key
// has ("https://host/v1/"); "docker.io" for each of Docker Hub's names.
std::string CredentialHost(std::string_view key);

// What `docker-credential-NAME get` is given for a host, and what it answers.
std::string HelperQuestion(const std::string& host);
Result<Account> ParseHelperAnswer(std::string_view text);

}  // namespace boxlite::image
