// The environment that -e and --env-file describe.
#pragma once

#include <string>
#include <vector>

namespace boxlite::cli {

// "NAME=value" entries: those of the files, in order, then `entries`. An entry without "=" takes
// its value from our environment, and is left out where that has none. A file has one entry a line;
// empty lines and those that begin with # are left out. Throws CLI::ValidationError, naming the
// file and line, or the entry.
std::vector<std::string> ReadEnvironment(const std::vector<std::string>& files,
                                         const std::vector<std::string>& entries);

}  // namespace boxlite::cli
