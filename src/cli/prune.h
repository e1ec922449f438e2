// Removing what nobody uses, for the commands that do.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/session.h"

namespace boxlite::cli {

struct PruneOptions {
  bool all = false;
  bool force = false;
};
// --all and --force.
void AddPruneOptions(CLI::App* command, PruneOptions& options);

// Asks first, unless told not to. What is removed is printed, with the bytes that the disk got
// back.
int PruneImages(const GlobalOptions& global, const PruneOptions& options);
// Also boxes that do not run.
int PruneSystem(const GlobalOptions& global, const PruneOptions& options);

}  // namespace boxlite::cli
