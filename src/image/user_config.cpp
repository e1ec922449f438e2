// config.json of the home directory, as docs/images.md describes it.
#include <utility>

#include "base/sys.h"
#include "image/fetch_settings.h"
#include "json/json.h"

namespace boxlite::image {
namespace {

constexpr size_t kMaxRegistries = 64;
constexpr size_t kMaxMirrors = 8;
constexpr int64_t kMaxTimeMs = 3'600'000;
constexpr int kMaxAttempts = 20;
constexpr int kMaxParallel = 16;

Result<std::string> AbsolutePath(const json::Value& value, const char* name) {
  std::string path = BOXLITE_TRY(value.Text(name, ""));
  if (!path.empty() && path[0] != '/')
    return Error(Code::kConfig, std::string("member \"") + name + "\" is not an absolute path");
  return path;
}

Result<RegistrySettings> ParseRegistrySettings(const json::Value& value) {
  if (!value.is_object()) return Error(Code::kConfig, "it is not an object");
  RegistrySettings settings;
  std::vector<std::string> mirrors = BOXLITE_TRY(value.Texts("mirrors", kMaxMirrors));
  settings.mirrors.reserve(mirrors.size());
  for (const std::string& text : mirrors)
    settings.mirrors.push_back(BOXLITE_TRY(oci::ParseRegistry(text)));
  settings.authorities = BOXLITE_TRY(AbsolutePath(value, "ca"));
  settings.credentials = BOXLITE_TRY(AbsolutePath(value, "credentials"));
  return settings;
}

template <typename Number>
Result<Number> Bounded(const json::Value& value, const char* name, Number fallback, int64_t most) {
  int64_t number = BOXLITE_TRY(value.Integer(name, fallback));
  if (number < 1 || number > most)
    return Error(Code::kConfig, std::string("member \"") + name + "\" is not between 1 and " +
                                    std::to_string(most));
  return static_cast<Number>(number);
}

Result<FetchLimits> ParseLimits(const json::Value& value) {
  FetchLimits limits;
  if (value.is_null()) return limits;
  if (!value.is_object()) return Error(Code::kConfig, "it is not an object");
  limits.connect_ms =
      BOXLITE_TRY(Bounded(value, "connect_timeout_ms", limits.connect_ms, kMaxTimeMs));
  limits.idle_ms = BOXLITE_TRY(Bounded(value, "idle_timeout_ms", limits.idle_ms, kMaxTimeMs));
  limits.document_ms =
      BOXLITE_TRY(Bounded(value, "document_timeout_ms", limits.document_ms, kMaxTimeMs));
  limits.attempts = BOXLITE_TRY(Bounded(value, "attempts", limits.attempts, kMaxAttempts));
  limits.parallel = BOXLITE_TRY(Bounded(value, "parallel", limits.parallel, kMaxParallel));
  return limits;
}

}  // namespace

Result<UserConfig> ParseUserConfig(std::string_view text) {
  json::Value root = BOXLITE_TRY(json::Parse(text, kMaxUserConfig));
  UserConfig config;
  config.image_registries = BOXLITE_TRY(root.Texts("image_registries", kMaxRegistries));
  json::Value registries = root["registries"];
  for (const std::string& name : BOXLITE_TRY(registries.Names(kMaxRegistries))) {
    Result<RegistrySettings> settings = ParseRegistrySettings(registries[name]);
    if (!settings.ok()) return settings.TakeError().Context("registries: " + Printable(name));
    config.registries[CredentialHost(name)] = settings.TakeValue();
  }
  Result<FetchLimits> limits = ParseLimits(root["fetch"]);
  if (!limits.ok()) return limits.TakeError().Context("fetch");
  config.limits = limits.TakeValue();
  config.zstd_window_mib =
      BOXLITE_TRY(Bounded(root, "zstd_window_mib", config.zstd_window_mib, kMaxZstdWindowMib));
  return config;
}

Result<UserConfig> ReadUserConfig(int fd) {
  if (fd < 0) return UserConfig();
  std::string text = BOXLITE_TRY(sys::ReadFile(fd, kMaxUserConfig));
  Result<UserConfig> config = ParseUserConfig(text);
  if (!config.ok()) return config.TakeError().WithCode(Code::kConfig).Context("config.json");
  return config;
}

}  // namespace boxlite::image
