#include "image/fetch_settings.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/sys.h"

namespace boxlite::image {
namespace {

constexpr size_t kMaxEnvironment = 4 * kMib;
constexpr size_t kMaxAuthorities = 4 * kMib;
constexpr const char* kDockerAuthorities = "/etc/docker/certs.d/";
constexpr const char* kMachineAuthorities = "/etc/ssl/certs/ca-certificates.crt";

// The user's secrets: what is read of them is wiped when it has been used.
class Environment {
 public:
  static Result<Environment> Read(int fd) {
    Environment out;
    if (fd < 0) return out;
    // In one piece: a text that grows leaves copies behind that nobody wipes.
    struct stat info = BOXLITE_TRY(sys::Stat(fd));
    if (static_cast<uint64_t>(info.st_size) > kMaxEnvironment)
      return Error(Code::kConfig, "the environment is larger than " +
                                      std::to_string(kMaxEnvironment / kMib) + " MiB");
    std::string text(static_cast<size_t>(info.st_size), '\0');
    text.resize(BOXLITE_TRY(sys::ReadAt(fd, text.data(), text.size(), 0)));
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find('\0', at), text.size());
      out.entries_.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    OPENSSL_cleanse(text.data(), text.size());
    return out;
  }
  Environment(Environment&&) = default;
  Environment& operator=(Environment&&) = delete;
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (std::string& entry : entries_) OPENSSL_cleanse(entry.data(), entry.size());
  }

  const std::vector<std::string>& entries() const { return entries_; }
  std::string Get(const char* name) const { return VariableIn(entries_, name); }

 private:
  Environment() = default;
  std::vector<std::string> entries_;
};

std::string DockerConfigPath(const Environment& environment) {
  std::string folder = environment.Get("DOCKER_CONFIG");
  if (!folder.empty()) return folder + "/config.json";
  std::string home = environment.Get("HOME");
  return home.empty() ? std::string() : home + "/.docker/config.json";
}

// Which accounts there are, and where they are to be looked for.
class Accounts {
 public:
  Accounts(const UserConfig& config, const Environment& environment, const AwaitReadable& await)
      : config_(config), environment_(environment), await_(await) {}

  Access For(const std::string& host) {
    auto named = config_.registries.find(host);
    bool own = named != config_.registries.end() && !named->second.credentials.empty();
    std::string path = own ? named->second.credentials : DockerConfigPath(environment_);
    Result<Account> account = Find(path, host, own ? Presence::kRequired : Presence::kOptional);
    Access access;
    if (account.ok()) {
      access.account = account.TakeValue();
    } else {
      access.problem = account.error().message();
      access.hint = account.error().hint();
    }
    return access;
  }

 private:
  enum class Presence { kRequired, kOptional };

  Result<Account> Find(const std::string& path, const std::string& host, Presence presence) {
    if (path.empty()) return Account();
    if (path[0] != '/') return Error(Code::kConfig, "DOCKER_CONFIG is not an absolute path");
    Result<UniqueFd> file = sys::Open(path, O_RDONLY | O_NONBLOCK);
    bool missing = !file.ok() && file.error().code() == Code::kNotFound;
    if (missing && presence == Presence::kOptional) return Account();
    if (!file.ok()) return file.TakeError();
    std::string text = BOXLITE_TRY(sys::ReadFile(file.value().get(), kMaxDockerConfig));
    Result<DockerConfig> docker = ParseDockerConfig(text);
    OPENSSL_cleanse(text.data(), text.size());
    if (!docker.ok()) return docker.TakeError().Context(path);
    return FindIn(docker.value(), path, host);
  }

  Result<Account> FindIn(const DockerConfig& docker, const std::string& path,
                         const std::string& host) {
    std::string helper = docker.HelperFor(host);
    if (!helper.empty()) {
      std::optional<Account> account =
          BOXLITE_TRY(AskHelper({helper, host, environment_.entries()}, await_));
      if (account) return std::move(*account);
    }
    auto found = docker.accounts.find(host);
    if (found == docker.accounts.end()) return Account();
    Account account = found->second;
    account.source = path;
    return account;
  }

  const UserConfig& config_;
  const Environment& environment_;
  const AwaitReadable& await_;
};

Result<std::string> ReadAuthorities(const std::string& path) {
  UniqueFd file = BOXLITE_TRY(sys::Open(path, O_RDONLY | O_NONBLOCK));
  return sys::ReadFile(file.get(), kMaxAuthorities);
}

// Where docker looks for them: as a user's own daemon does, then as the machine's.
std::vector<std::string> DockerFolders(const Environment& environment) {
  std::string settings = environment.Get("XDG_CONFIG_HOME");
  std::string home = environment.Get("HOME");
  if (settings.empty() && !home.empty()) settings = home + "/.config";
  std::vector<std::string> folders;
  if (!settings.empty() && settings[0] == '/') folders.push_back(settings + "/docker/certs.d/");
  folders.emplace_back(kDockerAuthorities);
  return folders;
}

// Empty where the registry has none of its own.
Result<std::string> OwnAuthorities(const std::string& host, const UserConfig& config,
                                   const Environment& environment) {
  auto named = config.registries.find(CredentialHost(host));
  if (named != config.registries.end() && !named->second.authorities.empty()) {
    Result<std::string> text = ReadAuthorities(named->second.authorities);
    if (text.ok()) return text;
    return text.TakeError()
        .WithCode(Code::kConfig)
        .Context("config.json: the certificates of registry " + host);
  }
  for (const std::string& folder : DockerFolders(environment)) {
    Result<std::string> text = ReadAuthorities(folder + host + "/ca.crt");
    if (text.ok()) return text;
  }
  return std::string();
}

// The registry's own authorities beside those that are trusted anyway; empty where it has none.
Result<std::string> AuthoritiesFor(const std::string& host, const UserConfig& config,
                                   const Environment& environment, const std::string& trusted) {
  std::string own = BOXLITE_TRY(OwnAuthorities(host, config, environment));
  if (own.empty()) return own;
  std::string all = trusted;
  if (all.empty()) {
    Result<std::string> machine = ReadAuthorities(kMachineAuthorities);
    if (machine.ok()) all = machine.TakeValue();
  }
  return all + "\n" + own;
}

std::vector<Source> Sources(const oci::Reference& reference,
                            const std::vector<oci::Registry>& registries,
                            const UserConfig& config) {
  std::vector<oci::Location> locations = oci::Locations(reference, registries);
  std::vector<Source> sources;
  sources.reserve(locations.size());
  for (oci::Location& location : locations) {
    Source source{std::move(location), {}};
    auto named = config.registries.find(CredentialHost(source.origin.registry.host));
    if (named != config.registries.end())
      for (const oci::Registry& mirror : named->second.mirrors)
        source.mirrors.push_back(oci::LocationAt(mirror, source.origin.repository));
    sources.push_back(std::move(source));
  }
  return sources;
}

std::set<std::string> HostsOf(const std::vector<Source>& sources) {
  std::set<std::string> hosts;
  for (const Source& source : sources) {
    hosts.insert(source.origin.registry.host);
    for (const oci::Location& mirror : source.mirrors) hosts.insert(mirror.registry.host);
  }
  return hosts;
}

Result<void> ReadTrust(const std::set<std::string>& hosts, const UserConfig& config,
                       const Environment& environment, FetchSettings& settings) {
  std::string bundle = environment.Get("SSL_CERT_FILE");
  if (!bundle.empty()) {
    Result<std::string> text = ReadAuthorities(bundle);
    if (!text.ok()) return text.TakeError().WithCode(Code::kConfig).Context("SSL_CERT_FILE");
    settings.default_authorities = text.TakeValue();
  }
  for (const std::string& host : hosts) {
    std::string authorities =
        BOXLITE_TRY(AuthoritiesFor(host, config, environment, settings.default_authorities));
    if (!authorities.empty()) settings.authorities[host] = std::move(authorities);
  }
  return {};
}

}  // namespace

Access FetchSettings::AccessTo(const oci::Registry& registry) const {
  auto found = access.find(CredentialHost(registry.host));
  return found == access.end() ? Access() : found->second;
}

Result<FetchSettings> ReadFetchSettings(const proto::Fetch& request, const UserFiles& files,
                                        const AwaitReadable& await) {
  FetchSettings settings;
  settings.reference = BOXLITE_TRY(oci::ParseReference(request.reference));
  UserConfig config = BOXLITE_TRY(ReadUserConfig(files.config));
  settings.limits = config.limits;
  std::vector<oci::Registry> registries;
  registries.reserve(request.registries.size() + config.image_registries.size());
  for (const std::string& text : request.registries)
    registries.push_back(BOXLITE_TRY(oci::ParseRegistry(text)));
  for (const std::string& text : config.image_registries)
    registries.push_back(BOXLITE_TRY(oci::ParseRegistry(text)));
  settings.sources = Sources(settings.reference, registries, config);

  Environment environment = BOXLITE_TRY(Environment::Read(files.environment));
  settings.proxies = BOXLITE_TRY(ProxiesIn(environment.entries()));
  std::set<std::string> hosts = HostsOf(settings.sources);
  BOXLITE_TRY(ReadTrust(hosts, config, environment, settings));
  Accounts accounts(config, environment, await);
  for (const std::string& host : hosts) {
    std::string key = CredentialHost(host);
    if (settings.access.count(key) == 0) settings.access[key] = accounts.For(key);
  }
  return settings;
}

}  // namespace boxlite::image
