#include "oci/platform.h"

#include <string_view>

namespace boxlite::oci {
namespace {

std::string_view Architecture(std::string_view name) {
  if (name == "x86_64" || name == "x86-64") return "amd64";
  if (name == "aarch64") return "arm64";
  return name;
}

// What an image that names no variant is made for.
std::string_view Variant(const Platform& platform) {
  if (!platform.variant.empty()) return platform.variant;
  std::string_view architecture = Architecture(platform.architecture);
  if (architecture == "amd64") return "v1";
  if (architecture == "arm64") return "v8";
  return {};
}

}  // namespace

std::string Platform::Text() const {
  return os + "/" + architecture + (variant.empty() ? "" : "/" + variant);
}

bool Matches(const Platform& wanted, const Platform& offered) {
  if (wanted.os != offered.os) return false;
  if (Architecture(wanted.architecture) != Architecture(offered.architecture)) return false;
  return Variant(wanted) == Variant(offered);
}

}  // namespace boxlite::oci
