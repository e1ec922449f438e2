// The command `boxlite`. The grammar's frame is program.h; each command is declared beside what it
// does.
#include <fcntl.h>
#include <unistd.h>

#include <string_view>

#include "cli/completion.h"
#include "cli/manual.h"
#include "cli/program.h"

namespace boxlite::cli {
namespace {

// The number of one that the caller closed would go to a file of the library. What stands for it is
// at its end, and cannot be written.
void FillStandardStreams() {
  while (true) {
    int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (fd <= STDERR_FILENO) continue;
    ::close(fd);
    return;
  }
}

}  // namespace
}  // namespace boxlite::cli

// What CLI11 throws beyond ParseError is a mistake in the grammar: ending at once shows it.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  using namespace boxlite::cli;    // NOLINT(google-build-using-namespace)
  FillStandardStreams();
  Program program;
  program.BeginGroup("Boxes");
  AddRunCommands(program);
  AddBoxCommands(program);
  AddCopyCommand(program);
  AddTopCommand(program);
  program.BeginGroup("Images");
  AddImageCommands(program);
  AddArchiveCommands(program);
  program.BeginGroup("This machine");
  AddInspectCommand(program);
  AddSystemCommand(program);
  AddMachineCommands(program);
  AddCompletionCommands(program);
  // Not for people: the completion scripts' and the build's.
  std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "__complete") return Complete(program, {argv + 2, argv + argc});
  if (first == "__manual" && argc == 3) return WriteManuals(program, argv[2]);
  return program.Run(argc, argv);
}
