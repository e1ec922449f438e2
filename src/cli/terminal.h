// The caller's terminal: raw while an interactive command runs, and restored whatever happens.
#pragma once

#include <termios.h>

#include <cstdint>

namespace boxlite::cli {

bool InputIsTerminal();

struct WindowSize {
  uint16_t rows = 24, columns = 80;
};
WindowSize TerminalSize();

// Raw from construction to destruction. The destructor runs on every way out of a command, as all
// signals that would end the program come through Session::OnSignals; what is left is SIGKILL,
// which nothing survives.
class RawTerminal {
 public:
  RawTerminal();
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  bool active_ = false;
  termios saved_{};
};

}  // namespace boxlite::cli
