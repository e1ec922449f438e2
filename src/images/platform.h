// The platform of the images that boxes run.
#pragma once

namespace boxlite::images {

constexpr const char* kArchitecture = "amd64";
constexpr const char* kOs = "linux";

}  // namespace boxlite::images
