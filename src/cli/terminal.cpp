#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace boxlite::cli {

bool InputIsTerminal() {
  return ::isatty(STDIN_FILENO) == 1;
}

WindowSize TerminalSize() {
  winsize size{};
  WindowSize answer;
  if (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0) {
    answer.rows = size.ws_row;
    answer.columns = size.ws_col;
  }
  return answer;
}

RawTerminal::RawTerminal() {
  if (::tcgetattr(STDIN_FILENO, &saved_) != 0) return;
  termios raw = saved_;
  ::cfmakeraw(&raw);
  active_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

RawTerminal::~RawTerminal() {
  if (active_) ::tcsetattr(STDIN_FILENO, TCSANOW, &saved_);
}

}  // namespace boxlite::cli
