// The two sides of an archive of images, a tar on a descriptor.
//
// Reading goes once from the beginning to the end, as the archive may come through a pipe and what
// tells about the files may come last: each file is staged as a blob named by its own digest, and
// remembered by the name it has in the archive. No name of the archive becomes a name on the disk.
//
//   an OCI layout          oci-layout, index.json, blobs/sha256/<hex>
//   `docker save`, old     manifest.json, <id>.json, <id>/layer.tar, repositories
//   `docker save`, new     both at once
//
// Thread rule: one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "image/staging.h"
#include "image/tar_reader.h"
#include "oci/digest.h"

namespace boxlite::image {

struct ArchivedFile {
  oci::Digest digest;
  uint64_t size = 0;
};

class Archive {
 public:
  // Stages what `next` gives. kImage where it is no archive of images; `foreign` tells, where it
  // has a file that such archives do not have.
  static Result<Archive> Read(const NextBytes& next, const Staging& staging);

  // The file of that name, through links; nothing where there is none.
  std::optional<ArchivedFile> Find(const std::string& name) const;
  // Whether a file has these contents.
  bool Has(const oci::Digest& digest, uint64_t size) const;
  // The first name that no archive of images has; empty where there is none.
  const std::string& foreign() const { return foreign_; }

 private:
  Result<void> Add(archive_entry* entry, TarReader& reader, const Staging& staging);

  std::map<std::string, ArchivedFile> files_;
  std::map<std::string, std::string> links_;
  std::map<std::string, uint64_t> sizes_;  // by digest
  std::string foreign_;
  uint64_t bytes_ = 0;
};

}  // namespace boxlite::image
