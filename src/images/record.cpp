#include "images/record.h"

#include "images/images.h"
#include "oci/digest.h"

namespace boxlite::images {
namespace {

constexpr uint64_t kMaxLayer = uint64_t{1} << 40;
constexpr std::string_view kDockerPrefix = "application/vnd.docker.";

// The manifest's own type does not come along; its layers tell.
const char* ManifestType(const std::vector<proto::Layer>& layers) {
  bool docker = !layers.empty() && layers.front().media_type.rfind(kDockerPrefix, 0) == 0;
  return docker ? "application/vnd.docker.distribution.manifest.v2+json"
                : "application/vnd.oci.image.manifest.v1+json";
}

Result<void> CheckDigest(const std::string& text) {
  return oci::Digest::Parse(text).ok()
             ? Result<void>()
             : Error(Code::kImage, "boxlite-image gave a malformed digest");
}

}  // namespace

Result<store::ImageRecord> ToRecord(const proto::ImageClosed& image, const std::string& reference,
                                    int64_t pulled_at_ms) {
  bool layout = reference.rfind(kLayoutScheme, 0) == 0;
  if (!layout && !image.reference.empty() && image.reference != reference)
    return Error(Code::kImage, "boxlite-image answered for " + image.reference +
                                   " where it was asked for " + reference);
  store::ImageRecord record;
  record.reference = reference;
  record.digest = image.digest;
  record.media_type = ManifestType(image.layers);
  record.config_digest = image.config_digest;
  record.source = image.source;
  record.pulled_at_ms = pulled_at_ms;
  record.architecture = image.config.architecture;
  record.os = image.config.os;
  record.created = image.config.created;
  record.entrypoint = image.config.entrypoint;
  record.cmd = image.config.cmd;
  record.env = image.config.env;
  record.working_dir = image.config.working_dir;
  record.user = image.config.user;
  record.labels = image.config.labels;
  for (const proto::HistoryStep& step : image.config.history)
    record.history.push_back({step.created, step.created_by, step.comment, step.empty_layer});
  BOXLITE_TRY(CheckDigest(image.digest));
  BOXLITE_TRY(CheckDigest(image.config_digest));
  for (const proto::Layer& layer : image.layers) {
    BOXLITE_TRY(CheckDigest(layer.digest));
    BOXLITE_TRY(CheckDigest(layer.diff_id));
    if (layer.size > kMaxLayer)
      return Error(Code::kImage, "layer " + layer.digest + " is larger than 1 TiB");
    record.size += layer.size;
    record.layers.push_back({layer.digest, layer.media_type, layer.diff_id, layer.size});
  }
  return record;
}

}  // namespace boxlite::images
