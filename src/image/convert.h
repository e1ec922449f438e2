// CONVERT: layers, bottom up, to one ext4 image.
#pragma once

#include <functional>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "image/blobs.h"
#include "image/limits.h"
#include "image/progress.h"
#include "proto/messages.h"

namespace boxlite::image {

// Where layers are: in the store, or in the staging directory of a FETCH (-1: there is none), also
// as pieces that it has not finished.
struct LayerPlaces {
  int store = -1;
  int staging = -1;
};

// The layers' blobs, in their order. not-found where one is missing, naming the layer.
Result<std::vector<UniqueFd>> OpenLayers(const std::vector<proto::Layer>& layers,
                                         const LayerPlaces& places);

// Writes to `output`, an empty file, from the blobs that OpenLayers opened. Waits at each that a
// FETCH is writing; stopped where that has given it up. Each blob's digest holds before a byte of
// it is parsed, and each diff id before the image is whole; errors name the layer.
Result<void> Convert(const std::vector<proto::Layer>& layers, const std::vector<UniqueFd>& blobs,
                     int output, Progress& progress, const Limits& limits = {});

}  // namespace boxlite::image
