#include "image/resolve.h"

#include <utility>

#include "image/hash.h"
#include "image/limits.h"

namespace boxlite::image {
namespace {

constexpr int kMaxIndexDepth = 3;

// The blob that `descriptor` names, from where it is staged or else by `read`; then it is staged.
Result<std::string> Bring(const Descriptor& descriptor, const ReadSmallBlob& read,
                          const Staging& staging) {
  if (descriptor.size > kMaxManifestBytes)
    return Error(Code::kImage, descriptor.digest.Text() + " is larger than a manifest may be (" +
                                   std::to_string(kMaxManifestBytes / kMib) + " MiB)");
  Result<std::string> there = staging.Read(descriptor.digest, kMaxManifestBytes);
  if (there.ok()) return there;
  std::string text = BOXLITE_TRY(read(descriptor));
  oci::Digest found = DigestOf(text);
  if (found != descriptor.digest)
    return Error(Code::kImage,
                 "blob " + descriptor.digest.Text() + " came with the digest " + found.Text());
  BOXLITE_TRY(staging.Put(descriptor.digest, AsBytes(text)));
  return text;
}

Result<void> Describe(const Config& config, const oci::Platform& platform, Resolved& out) {
  bool named = !config.platform.os.empty() || !config.platform.architecture.empty();
  if (named && !oci::Matches(platform, config.platform))
    return Error(
        Code::kImage,
        "the image is not made for " + platform.Text() + " but for " + config.platform.Text(),
        "choose an image or tag for " + platform.Text());
  const std::vector<Descriptor>& layers = out.manifest.layers;
  if (config.diff_ids.size() != layers.size())
    return Error(Code::kImage, "the image's manifest has " + std::to_string(layers.size()) +
                                   " layers and its config names " +
                                   std::to_string(config.diff_ids.size()));
  out.answer.config = config.image;
  for (size_t i = 0; i < layers.size(); ++i)
    out.answer.layers.push_back(
        {layers[i].digest.Text(), layers[i].media_type, layers[i].size, config.diff_ids[i].Text()});
  return {};
}

}  // namespace

Result<Resolved> ResolveImage(const std::string& text, std::string_view media_type,
                              const oci::Platform& platform, const ReadSmallBlob& read,
                              const Staging& staging) {
  oci::Digest digest = DigestOf(text);
  BOXLITE_TRY(staging.Put(digest, AsBytes(text)));
  Document document = BOXLITE_TRY(ParseDocument(text, media_type));
  for (int depth = 0; std::holds_alternative<Index>(document); ++depth) {
    if (depth == kMaxIndexDepth)
      return Error(Code::kImage, "the image's indexes are nested too deeply");
    Descriptor chosen = BOXLITE_TRY(ChoosePlatform(std::get<Index>(document), platform));
    std::string next = BOXLITE_TRY(Bring(chosen, read, staging));
    digest = chosen.digest;
    document = BOXLITE_TRY(ParseDocument(next, chosen.media_type));
  }
  Resolved out;
  out.manifest = std::get<Manifest>(std::move(document));
  out.answer.digest = digest.Text();
  out.answer.config_digest = out.manifest.config.digest.Text();
  std::string text_of_config = BOXLITE_TRY(Bring(out.manifest.config, read, staging));
  Config config = BOXLITE_TRY(ParseConfig(text_of_config));
  BOXLITE_TRY(Describe(config, platform, out));
  return out;
}

oci::Platform WantedPlatform(const std::string& os, const std::string& architecture) {
  oci::Platform platform;
  if (!os.empty()) platform.os = os;
  if (!architecture.empty()) platform.architecture = architecture;
  return platform;
}

}  // namespace boxlite::image
