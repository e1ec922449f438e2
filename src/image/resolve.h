// From the first document of an image to what a job has to bring: the manifest for the platform,
// its config, and the answer to the library. The same for a registry and for a layout directory.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "image/manifest.h"
#include "image/staging.h"
#include "oci/platform.h"
#include "proto/messages.h"

namespace boxlite::image {

// Brings a document or config that is not staged: exactly the bytes, digest not checked yet.
using ReadSmallBlob = std::function<Result<std::string>(const Descriptor&)>;

struct Resolved {
  Manifest manifest;
  proto::ImageClosed answer;  // all but `reference` and `source`
};

// `text` is the image's first document. It, the manifest and the config are staged as blobs.
Result<Resolved> ResolveImage(const std::string& text, std::string_view media_type,
                              const oci::Platform& platform, const ReadSmallBlob& read,
                              const Staging& staging);

// The platform a request names; what it leaves out is linux and amd64.
oci::Platform WantedPlatform(const std::string& os, const std::string& architecture);

}  // namespace boxlite::image
