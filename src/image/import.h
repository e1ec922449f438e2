// IMPORT: an image from an OCI layout directory (oci-layout, index.json, blobs/…), such as skopeo
// and umoci write.
#pragma once

#include "base/result.h"
#include "image/progress.h"
#include "image/staging.h"
#include "proto/messages.h"

namespace boxlite::image {

Result<proto::ImageClosed> ImportImage(const proto::Import& request, int layout,
                                       const Staging& staging, Progress& progress);

}  // namespace boxlite::image
