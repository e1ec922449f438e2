// SAVE: stored images as one tar, an OCI layout with Docker's manifest.json beside it, so that
// skopeo, podman and every docker read it. The same images give the same bytes.
#pragma once

#include "base/result.h"
#include "image/blobs.h"
#include "image/progress.h"
#include "proto/messages.h"

namespace boxlite::image {

// Writes to `output` where it stands; a pipe will do. A blob that is not what its digest says ends
// it with kImage, after part of the archive is written.
Result<void> SaveImages(const proto::Save& request, const BlobSet& blobs, int output,
                        Progress& progress);

}  // namespace boxlite::image
