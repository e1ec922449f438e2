// Manual pages, from the grammar.
#pragma once

#include <string>

#include "cli/program.h"

namespace boxlite::cli {

// Writes boxlite.1 and boxlite-COMMAND.1 of every command into a directory that exists.
int WriteManuals(const Program& program, const std::string& directory);

}  // namespace boxlite::cli
