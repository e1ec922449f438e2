// A pseudo terminal of the box.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"

namespace boxlite::agent {

struct TerminalSize {
  uint16_t rows = 0;
  uint16_t columns = 0;
};

struct TerminalPair {
  UniqueFd master;  // non-blocking
  UniqueFd slave;
};

Result<TerminalPair> OpenTerminal(uid_t owner, TerminalSize size);
// A size of 0 rows and columns means that nobody knows it.
Result<void> ResizeTerminal(int terminal_fd, TerminalSize size);
// What a person types for "no more input"; nothing where the program reads the terminal raw.
uint8_t EndOfFileCharacter(int terminal_fd);

}  // namespace boxlite::agent
