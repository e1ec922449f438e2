#include "guest-agent/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/sys.h"

namespace boxlite::agent {
namespace {

constexpr gid_t kTtyGroup = 5;
constexpr uint8_t kControlD = 4;

}  // namespace

Result<TerminalPair> OpenTerminal(uid_t owner, TerminalSize size) {
  TerminalPair pair;
  pair.master = BOXLITE_TRY(sys::Open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
  int locked = 0;
  if (::ioctl(pair.master.get(), TIOCSPTLCK, &locked) < 0)
    return sys::ErrnoError("unlock a terminal");
  // By the master and not by its name under /dev/pts: what lies there is the box's business.
  pair.slave.Reset(::ioctl(pair.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!pair.slave) return sys::ErrnoError("open a terminal");
  if (::fchown(pair.slave.get(), owner, kTtyGroup) < 0) {
    return sys::ErrnoError("give a terminal to its user");
  }
  BOXLITE_TRY(ResizeTerminal(pair.master.get(), size));
  return pair;
}

Result<void> ResizeTerminal(int terminal_fd, TerminalSize size) {
  winsize window{};
  window.ws_row = size.rows;
  window.ws_col = size.columns;
  if (::ioctl(terminal_fd, TIOCSWINSZ, &window) < 0) return sys::ErrnoError("resize a terminal");
  return {};
}

uint8_t EndOfFileCharacter(int terminal_fd) {
  termios settings{};
  if (::tcgetattr(terminal_fd, &settings) < 0) return kControlD;
  return settings.c_cc[VEOF];
}

}  // namespace boxlite::agent
