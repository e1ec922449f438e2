#include "image/fetch.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "image/http.h"
#include "image/registry_client.h"
#include "image/resolve.h"
#include "oci/reference.h"

namespace boxlite::image {
namespace {

// One image from one source: its mirrors, then itself. Each is asked once what the tag stands for,
// and for the rest by digest: an image never comes from two versions of its tag. What a mirror has
// brought before it failed is taken where the next one names the same blob.
class SourceFetch {
 public:
  SourceFetch(const proto::Fetch& request, const FetchSettings& settings, Http& http,
              const Staging& staging, Progress& progress)
      : request_(request),
        settings_(settings),
        http_(http),
        staging_(staging),
        progress_(progress) {}

  Result<proto::ImageClosed> From(const Source& source) {
    std::string before;
    for (const oci::Location& mirror : source.mirrors) {
      Result<proto::ImageClosed> image = FromOne(mirror);
      if (image.ok() || IsOurs(image.error())) return image;
      before += (before.empty() ? "" : "; ") + image.error().message();
    }
    Result<proto::ImageClosed> image = FromOne(source.origin);
    if (image.ok() || before.empty()) return image;
    Error error = image.TakeError();
    Error both(error.code(), error.message() + "; before that its mirrors failed: " + before,
               error.hint());
    return both;
  }

 private:
  // Not the mirror's fault, and not to be mended by another.
  static bool IsOurs(const Error& error) {
    return error.code() == Code::kStorage || error.code() == Code::kResourceExhausted ||
           error.code() == Code::kInternal;
  }

  Result<proto::ImageClosed> FromOne(const oci::Location& location) {
    RegistryClient client(http_, location, settings_.AccessTo(location.registry));
    FetchedManifest first = BOXLITE_TRY(client.GetManifest(settings_.reference.Selector()));
    ReadSmallBlob read = [&client](const Descriptor& blob) -> Result<std::string> {
      bool is_manifest = blob.media_type.find("manifest") != std::string::npos ||
                         blob.media_type.find("index") != std::string::npos;
      if (!is_manifest) return client.GetSmallBlob(blob);
      return BOXLITE_TRY(client.GetManifest(blob.digest.Text())).text;
    };
    oci::Platform platform = WantedPlatform(request_.os, request_.architecture);
    Resolved image =
        BOXLITE_TRY(ResolveImage(first.text, first.media_type, platform, read, staging_));
    progress_.Update([&image](proto::ProgressEvent& state) {
      state = proto::ProgressEvent();
      state.phase = proto::Phase::kFetch;
      state.layers_total = static_cast<uint32_t>(image.manifest.layers.size());
      for (const Descriptor& layer : image.manifest.layers) state.bytes_total += layer.size;
    });
    // Where the disk is made nobody reads the layers now; who does so later hashes them first.
    Trust trust = image.answer.digest == request_.made ? Trust::kSize : Trust::kDigest;
    image.answer.reference = settings_.reference.Canonical();
    image.answer.source = location.Url();
    BlobTarget target{staging_, trust, [this, &image] { progress_.Found(image.answer); }};
    BOXLITE_TRY(client.GetBlobs(image.manifest.layers, target, progress_));
    return std::move(image.answer);
  }

  const proto::Fetch& request_;
  const FetchSettings& settings_;
  Http& http_;
  const Staging& staging_;
  Progress& progress_;
};

// Asks one source after the other; only "not here" goes on to the next.
Result<proto::ImageClosed> FromSources(SourceFetch& fetch, const FetchSettings& settings) {
  std::string missing;
  for (const Source& source : settings.sources) {
    Result<proto::ImageClosed> image = fetch.From(source);
    if (image.ok()) return image;
    if (image.error().code() != Code::kNotFound) {
      if (missing.empty()) return image;
      return image.TakeError().Context("it is not in " + missing);
    }
    missing += (missing.empty() ? "" : ", ") + source.origin.Url();
  }
  return Error(Code::kNotFound,
               "there is no such image or tag; asked for " + settings.reference.Selector() +
                   " in " + missing,
               "check the name and the tag, or name its registry in image_registries");
}

}  // namespace

Result<proto::ImageClosed> FetchImage(const proto::Fetch& request, const FetchSettings& settings,
                                      const Staging& staging, Progress& progress) {
  std::unique_ptr<Http> http = BOXLITE_TRY(Http::Create(settings));
  SourceFetch fetch(request, settings, *http, staging, progress);
  Result<proto::ImageClosed> image = FromSources(fetch, settings);
  if (!image.ok()) return image.TakeError().Context("image " + settings.reference.Canonical());
  return image;
}

}  // namespace boxlite::image
