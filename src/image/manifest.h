// The documents of an image, in the words of OCI and of Docker, which differ in media types alone:
//
//   index (Docker: manifest list)   one descriptor for each platform
//   manifest                        the config's descriptor and those of the layers, bottom up
//   config                          platform, diff ids (digests of the unpacked layers), and what a
//                                   container of it runs
//
// Everything in them is a stranger's: bounded, and an error (kImage) names the document and the
// member.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "oci/digest.h"
#include "oci/platform.h"
#include "proto/messages.h"

namespace boxlite::image {

struct Descriptor {
  std::string media_type;
  oci::Digest digest;
  uint64_t size = 0;
  bool has_platform = false;
  oci::Platform platform;
  std::string name;       // annotation org.opencontainers.image.ref.name
  std::string full_name;  // annotation io.containerd.image.name
};

struct Index {
  std::vector<Descriptor> manifests;
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;
};

using Document = std::variant<Index, Manifest>;

// `media_type` is what the document was called where it came from; it may be empty.
Result<Document> ParseDocument(std::string_view text, std::string_view media_type);

struct Config {
  oci::Platform platform;
  proto::ImageConfig image;
  std::vector<oci::Digest> diff_ids;
};
Result<Config> ParseConfig(std::string_view text);

// The index's entry for a platform; kImage naming what is offered.
Result<Descriptor> ChoosePlatform(const Index& index, const oci::Platform& wanted);

}  // namespace boxlite::image
