// Platform: for which operating system and processor an image is made, in the words of the OCI
// image specification (GOOS, GOARCH, variant).
#pragma once

#include <string>

namespace boxlite::oci {

struct Platform {
  std::string os = "linux";
  std::string architecture = "amd64";
  std::string variant;  // "v8" of arm64; empty: any

  std::string Text() const;
};

// Whether something made for `offered` runs where `wanted` is asked for. Names in common use for
// the same processor are equal (x86_64 and amd64); amd64 variants v2 and above need instructions
// that the wanted platform must name.
bool Matches(const Platform& wanted, const Platform& offered);

}  // namespace boxlite::oci
