// Values of options that are numbers: what is accepted, and one sentence for anything else.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

namespace boxlite::cli {

// Above 0, at most 1e9; a fraction may follow.
CLI::Validator SecondsAboveZero();
CLI::Validator WholeNumber(uint32_t least, uint32_t most);
// "512", "512m" or "1g"; the value becomes the number of MiB.
CLI::Validator MemorySize();

}  // namespace boxlite::cli
