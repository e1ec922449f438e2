// LOAD, and IMPORT from a file: images from an archive (archive.h), and one image from a plain tar
// of a root file system.
#pragma once

#include "base/result.h"
#include "image/limits.h"
#include "image/progress.h"
#include "image/staging.h"
#include "proto/messages.h"

namespace boxlite::image {

// The descriptor of an archive, and what it may ask for where it is compressed (MakeUnpacker).
struct ArchiveSource {
  int fd = -1;
  Limits limits = {};
};

// Every image of the archive on `source`, which is read from where it stands.
Result<proto::LoadClosed> LoadImages(const proto::Load& request, const ArchiveSource& source,
                                     const Staging& staging, Progress& progress);

// The one image of the file `source`: the archive's, or, where it is no archive of images, one with
// the whole tar as its only layer.
Result<proto::ImageClosed> ImportFile(const proto::Import& request, const ArchiveSource& source,
                                      const Staging& staging, Progress& progress);

}  // namespace boxlite::image
