#include "image/manifest.h"

#include <algorithm>
#include <utility>

#include "image/limits.h"
#include "json/json.h"

namespace boxlite::image {
namespace {

constexpr size_t kMaxTexts = 4096;  // of a list in a config
constexpr size_t kMaxHistory = 1024;
constexpr size_t kMaxLabels = 1024;
constexpr std::string_view kContainerdName = "io.containerd.image.name";
constexpr std::string_view kRefName = "org.opencontainers.image.ref.name";

Error Bad(const std::string& document, std::string what) {
  return Error(Code::kImage, document + ": " + std::move(what));
}

// Errors of the JSON room are about texts; here they are about an image.
template <typename T>
Result<T> In(const std::string& document, Result<T> result) {
  if (result.ok()) return result;
  return result.TakeError().WithCode(Code::kImage).Context(document);
}

Result<oci::Platform> ParsePlatform(const json::Value& value) {
  oci::Platform platform;
  platform.os = BOXLITE_TRY(value.Text("os", ""));
  platform.architecture = BOXLITE_TRY(value.Text("architecture", ""));
  platform.variant = BOXLITE_TRY(value.Text("variant", ""));
  return platform;
}

Result<Descriptor> ParseDescriptor(const json::Value& value) {
  Descriptor out;
  out.media_type = BOXLITE_TRY(value.Text("mediaType", ""));
  std::string digest = BOXLITE_TRY(value.Text("digest"));
  out.digest = BOXLITE_TRY(oci::Digest::Parse(digest));
  int64_t size = BOXLITE_TRY(value.Integer("size"));
  if (size < 0) return Error(Code::kImage, "size is negative");
  out.size = static_cast<uint64_t>(size);
  json::Value platform = value["platform"];
  if (platform.is_object()) {
    out.has_platform = true;
    out.platform = BOXLITE_TRY(ParsePlatform(platform));
  }
  out.name = BOXLITE_TRY(value["annotations"].Text(kRefName, ""));
  out.full_name = BOXLITE_TRY(value["annotations"].Text(kContainerdName, ""));
  return out;
}

Result<std::vector<Descriptor>> ParseDescriptors(const json::Value& list, size_t limit) {
  std::vector<Descriptor> out;
  for (const json::Value& value : BOXLITE_TRY(list.Elements(limit)))
    out.push_back(BOXLITE_TRY(ParseDescriptor(value)));
  return out;
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

Result<void> CheckLayer(const Descriptor& layer) {
  std::string what = "layer " + layer.digest.Text();
  if (Contains(layer.media_type, "foreign") || Contains(layer.media_type, "nondistributable"))
    return Bad(what, "it is not in the registry (" + layer.media_type + ")");
  bool is_tar = layer.media_type.empty() || Contains(layer.media_type, "tar");
  if (!is_tar || Contains(layer.media_type, "encrypted"))
    return Bad(what, "media type " + layer.media_type.substr(0, 200) + " is not a layer of files");
  if (layer.size > kMaxLayerBytes)
    return Bad(what, "it is larger than " + std::to_string(kMaxLayerBytes / kGib) + " GiB");
  return {};
}

Result<Manifest> ParseManifest(const json::Value& root) {
  Manifest manifest;
  manifest.config = BOXLITE_TRY(In("image manifest: config", ParseDescriptor(root["config"])));
  manifest.layers =
      BOXLITE_TRY(In("image manifest: layers", ParseDescriptors(root["layers"], kMaxLayers)));
  uint64_t total = 0;
  for (const Descriptor& layer : manifest.layers) {
    BOXLITE_TRY(CheckLayer(layer));
    total += layer.size;
  }
  if (total > kMaxImageBytes)
    return Bad("image manifest", "its layers are larger than " +
                                     std::to_string(kMaxImageBytes / kGib) + " GiB together");
  if (manifest.config.size > kMaxManifestBytes)
    return Bad("image manifest",
               "the config is larger than " + std::to_string(kMaxManifestBytes / kMib) + " MiB");
  return manifest;
}

bool NamesIndex(std::string_view media_type) {
  return Contains(media_type, "image.index") || Contains(media_type, "manifest.list");
}
bool NamesManifest(std::string_view media_type) {
  return Contains(media_type, "image.manifest") || Contains(media_type, "distribution.manifest.v2");
}

Result<std::vector<std::string>> ParseLabels(const json::Value& labels) {
  std::vector<std::string> out;
  for (const std::string& name : BOXLITE_TRY(labels.Names(kMaxLabels)))
    out.push_back(name + "=" + BOXLITE_TRY(labels.Text(name, "")));
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::vector<proto::HistoryStep>> ParseHistory(const json::Value& list) {
  std::vector<proto::HistoryStep> out;
  for (const json::Value& value : BOXLITE_TRY(list.Elements(kMaxHistory))) {
    proto::HistoryStep& step = out.emplace_back();
    step.created = BOXLITE_TRY(value.Text("created", ""));
    step.created_by = BOXLITE_TRY(value.Text("created_by", ""));
    step.comment = BOXLITE_TRY(value.Text("comment", ""));
    step.empty_layer = BOXLITE_TRY(value.Bool("empty_layer", false)) ? 1 : 0;
  }
  return out;
}

Result<proto::ImageConfig> ParseRun(const json::Value& root) {
  const json::Value run = root["config"];
  proto::ImageConfig out;
  out.architecture = BOXLITE_TRY(root.Text("architecture", ""));
  out.os = BOXLITE_TRY(root.Text("os", ""));
  out.created = BOXLITE_TRY(root.Text("created", ""));
  out.entrypoint = BOXLITE_TRY(run.Texts("Entrypoint", kMaxTexts));
  out.cmd = BOXLITE_TRY(run.Texts("Cmd", kMaxTexts));
  out.env = BOXLITE_TRY(run.Texts("Env", kMaxTexts));
  out.working_dir = BOXLITE_TRY(run.Text("WorkingDir", ""));
  out.user = BOXLITE_TRY(run.Text("User", ""));
  out.labels = BOXLITE_TRY(ParseLabels(run["Labels"]));
  out.history = BOXLITE_TRY(ParseHistory(root["history"]));
  return out;
}

Result<std::vector<oci::Digest>> ParseDiffIds(const json::Value& root) {
  std::vector<oci::Digest> out;
  for (const std::string& text : BOXLITE_TRY(root["rootfs"].Texts("diff_ids", kMaxLayers)))
    out.push_back(BOXLITE_TRY(oci::Digest::Parse(text)));
  return out;
}

}  // namespace

Result<Document> ParseDocument(std::string_view text, std::string_view media_type) {
  json::Value root = BOXLITE_TRY(In("image manifest", json::Parse(text, kMaxManifestBytes)));
  if (!root.is_object()) return Bad("image manifest", "it is not an object");
  int64_t version = BOXLITE_TRY(In("image manifest", root.Integer("schemaVersion", 2)));
  if (version == 1)
    return Bad("image manifest", "it has Docker's old form (schema version 1)")
        .WithHint("push the image again with a newer tool");
  // Whoever read it as the other kind would get another image than we do.
  if (root.Has("manifests") && (root.Has("layers") || root.Has("config")))
    return Bad("image manifest", "it claims to be an index and a manifest at the same time");
  std::string own = BOXLITE_TRY(In("image manifest", root.Text("mediaType", "")));
  bool is_index = root.Has("manifests");
  for (std::string_view named : {std::string_view(own), media_type}) {
    if ((NamesIndex(named) && !is_index) || (NamesManifest(named) && is_index))
      return Bad("image manifest", "it is not what its media type says");
  }
  if (!is_index) return Document(BOXLITE_TRY(ParseManifest(root)));
  Index index;
  index.manifests =
      BOXLITE_TRY(In("image index", ParseDescriptors(root["manifests"], kMaxManifestsInIndex)));
  return Document(std::move(index));
}

Result<Config> ParseConfig(std::string_view text) {
  const std::string document = "image config";
  json::Value root = BOXLITE_TRY(In(document, json::Parse(text, kMaxManifestBytes)));
  Config config;
  config.platform = BOXLITE_TRY(In(document, ParsePlatform(root)));
  config.image = BOXLITE_TRY(In(document, ParseRun(root)));
  config.diff_ids = BOXLITE_TRY(In(document, ParseDiffIds(root)));
  return config;
}

Result<Descriptor> ChoosePlatform(const Index& index, const oci::Platform& wanted) {
  std::string offered;
  for (const Descriptor& entry : index.manifests) {
    if (entry.has_platform && oci::Matches(wanted, entry.platform)) return entry;
    // "unknown" is how builders mark what they say about a build; it is no image.
    if (!entry.has_platform || entry.platform.os == "unknown") continue;
    offered += (offered.empty() ? "" : ", ") + entry.platform.Text();
  }
  if (index.manifests.size() == 1 && !index.manifests[0].has_platform) return index.manifests[0];
  return Error(Code::kImage,
               "the image is not made for " + wanted.Text() + " but for " +
                   (offered.empty() ? "no platform that it names" : offered),
               "choose an image or tag for " + wanted.Text());
}

}  // namespace boxlite::image
