#pragma once

namespace boxlite::agent {

constexpr char kBuild[] = "boxlite-agent " BOXLITE_VERSION;

}  // namespace boxlite::agent
