// CONVERT: layers, bottom up, to one ext4 image.
#pragma once

#include <functional>
#include <vector>

#include "base/result.h"
#include "image/blobs.h"
#include "image/progress.h"
#include "proto/messages.h"

namespace boxlite::image {

// Writes to `output`, an empty file. Each blob's digest holds before a byte of it is parsed, and
// each diff id before the image is whole; errors name the layer.
Result<void> Convert(const std::vector<proto::Layer>& layers, const BlobSet& blobs, int output,
                     Progress& progress);

}  // namespace boxlite::image
