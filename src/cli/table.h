// Columns of text, as wide as their widest cell.
#pragma once

#include <string>
#include <vector>

namespace boxlite::cli {

using Row = std::vector<std::string>;
// The first row is the heading. Prints to standard output; control characters in cells are replaced
// by '?'.
void PrintTable(const std::vector<Row>& rows);

// "3 minutes ago"; "" for 0.
std::string TimeAgo(int64_t at_ms);

}  // namespace boxlite::cli
