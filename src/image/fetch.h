// FETCH: an image from the first of its registries that has it.
#pragma once

#include "base/result.h"
#include "image/fetch_settings.h"
#include "image/progress.h"
#include "image/staging.h"
#include "proto/messages.h"

namespace boxlite::image {

Result<proto::ImageClosed> FetchImage(const proto::Fetch& request, const FetchSettings& settings,
                                      const Staging& staging, Progress& progress);

}  // namespace boxlite::image
