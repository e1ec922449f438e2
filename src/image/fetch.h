// FETCH: an image from the first of its registries that has it.
#pragma once

#include "base/result.h"
#include "image/progress.h"
#include "image/staging.h"
#include "proto/messages.h"

namespace boxlite::image {

// `config` is the descriptor of the user's config.json, or -1.
Result<proto::ImageClosed> FetchImage(const proto::Fetch& request, int config,
                                      const Staging& staging, Progress& progress);

}  // namespace boxlite::image
