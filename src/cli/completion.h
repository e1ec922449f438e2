// What could stand where the user presses Tab, from the grammar, the boxes and the images.
#pragma once

#include <string>
#include <vector>

#include "cli/program.h"

namespace boxlite::cli {

// `words` are those after "boxlite", the last of them being typed. Prints a candidate a line, with
// its description behind a tab where it has one, and ":files" where a path may stand there.
int Complete(const Program& program, const std::vector<std::string>& words);

}  // namespace boxlite::cli
