// From what boxlite-image says of an image to what is recorded. boxlite-image has read what
// strangers wrote, so its answer is checked like theirs.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "store/records.h"

namespace boxlite::images {

// `closed` is the record ImageClosed. The image is recorded under `reference`; an answer for
// another one is an error.
Result<store::ImageRecord> ToRecord(ByteSpan closed, const std::string& reference,
                                    int64_t pulled_at_ms);

}  // namespace boxlite::images
