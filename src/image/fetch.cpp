#include "image/fetch.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/sys.h"
#include "image/limits.h"
#include "image/registry_client.h"
#include "image/resolve.h"
#include "json/json.h"
#include "oci/reference.h"
#include "oci/registry.h"

namespace boxlite::image {
namespace {

constexpr size_t kMaxUserConfig = kMib;
constexpr size_t kMaxRegistries = 64;

// The registries that the user's config.json adds to those of the request.
Result<std::vector<std::string>> ConfiguredRegistries(int config) {
  if (config < 0) return std::vector<std::string>();
  std::string text = BOXLITE_TRY(sys::ReadFile(config, kMaxUserConfig));
  json::Value root = BOXLITE_TRY(json::Parse(text, kMaxUserConfig));
  return root.Texts("image_registries", kMaxRegistries);
}

Result<std::vector<oci::Registry>> Registries(const proto::Fetch& request, int config) {
  std::vector<std::string> texts = request.registries;
  Result<std::vector<std::string>> configured = ConfiguredRegistries(config);
  if (!configured.ok())
    return configured.TakeError().WithCode(Code::kConfig).Context("config.json");
  for (std::string& text : configured.value()) texts.push_back(std::move(text));
  std::vector<oci::Registry> registries;
  registries.reserve(texts.size());
  for (const std::string& text : texts) registries.push_back(BOXLITE_TRY(oci::ParseRegistry(text)));
  return registries;
}

struct Found {
  std::unique_ptr<RegistryClient> client;
  FetchedManifest manifest;
  std::string source;
};

// Asks one place after the other; only "not here" goes on to the next.
Result<Found> Find(Http& http, const oci::Reference& reference,
                   const std::vector<oci::Location>& locations) {
  std::string missing;
  for (const oci::Location& location : locations) {
    auto client = std::make_unique<RegistryClient>(http, location);
    Result<FetchedManifest> manifest = client->GetManifest(reference.Selector());
    if (manifest.ok()) return Found{std::move(client), manifest.TakeValue(), location.Url()};
    if (manifest.error().code() != Code::kNotFound) {
      if (missing.empty()) return manifest.TakeError();
      return manifest.TakeError().Context("it is not in " + missing);
    }
    missing += (missing.empty() ? "" : ", ") + location.Url();
  }
  return Error(
      Code::kNotFound,
      "there is no such image or tag; asked for " + reference.Selector() + " in " + missing,
      "check the name and the tag, or name its registry in image_registries");
}

}  // namespace

Result<proto::ImageClosed> FetchImage(const proto::Fetch& request, int config,
                                      const Staging& staging, Progress& progress) {
  oci::Reference reference = BOXLITE_TRY(oci::ParseReference(request.reference));
  std::string name = "image " + reference.Canonical();
  std::vector<oci::Registry> registries = BOXLITE_TRY(Registries(request, config));
  std::unique_ptr<Http> http = BOXLITE_TRY(Http::Create());
  Result<Found> found = Find(*http, reference, oci::Locations(reference, registries));
  if (!found.ok()) return found.TakeError().Context(name);
  RegistryClient& client = *found.value().client;

  ReadSmallBlob read = [&client](const Descriptor& blob) -> Result<std::string> {
    bool is_manifest = blob.media_type.find("manifest") != std::string::npos ||
                       blob.media_type.find("index") != std::string::npos;
    if (!is_manifest) return client.GetSmallBlob(blob);
    return BOXLITE_TRY(client.GetManifest(blob.digest.Text())).text;
  };
  const FetchedManifest& first = found.value().manifest;
  oci::Platform platform = WantedPlatform(request.os, request.architecture);
  Result<Resolved> resolved = ResolveImage(first.text, first.media_type, platform, read, staging);
  if (!resolved.ok()) return resolved.TakeError().Context(name);
  Resolved& image = resolved.value();
  progress.Update([&image](proto::ProgressEvent& state) {
    state.phase = proto::Phase::kFetch;
    state.layers_total = static_cast<uint32_t>(image.manifest.layers.size());
    for (const Descriptor& layer : image.manifest.layers) state.bytes_total += layer.size;
  });
  Result<void> fetched = client.GetBlobs(image.manifest.layers, staging, progress);
  if (!fetched.ok()) return fetched.TakeError().Context(name);
  image.answer.reference = reference.Canonical();
  image.answer.source = found.value().source;
  return std::move(image.answer);
}

}  // namespace boxlite::image
