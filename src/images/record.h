// From what boxlite-image says of an image to what is recorded. boxlite-image has read what
// strangers wrote, so its answer is checked like theirs.
#pragma once

#include <string>

#include "base/result.h"
#include "proto/messages.h"
#include "store/records.h"

namespace boxlite::images {

// The image is recorded under `reference`; an answer for another one is an error.
Result<store::ImageRecord> ToRecord(const proto::ImageClosed& image, const std::string& reference,
                                    int64_t pulled_at_ms);

}  // namespace boxlite::images
