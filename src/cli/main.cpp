// The command `boxlite`. This file is its grammar; what each subcommand does is in commands.h and
// the files behind it.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/commands.h"

namespace boxlite::cli {
namespace {

// Everything the grammar can fill in.
struct Arguments {
  GlobalOptions global;
  RunOptions run;
  ExecOptions exec;
  std::string reference;
  std::vector<std::string> boxes;
  bool all = false, json = false, quiet = false, force = false;
  uint32_t stop_seconds = 10;

  OutputFormat format() const {
    if (json) return OutputFormat::kJson;
    return quiet ? OutputFormat::kQuiet : OutputFormat::kTable;
  }
};

void AddGlobalOptions(CLI::App& app, GlobalOptions& global) {
  app.add_option("--home", global.home, "Home directory (default $BOXLITE_HOME, else ~/.boxlite)");
  app.add_option("--registry", global.registries,
                 "Registry for image names without one, http:// where plain; again for more")
      ->type_size(1)
      ->allow_extra_args(false);
  app.add_option("--engine", global.engine, "auto, kvm or qemu (default auto)")
      ->check(CLI::IsMember({"auto", "kvm", "qemu"}));
}

void AddExecOptions(CLI::App* command, ExecOptions& exec, GlobalOptions& global) {
  command->add_flag("-i,--interactive", exec.interactive, "Keep standard input open");
  command->add_flag("-t,--tty", exec.tty, "Give the command a terminal");
  command->add_flag("-d,--detach", exec.detach, "Leave it running in the background");
  command->add_option("-e,--env", exec.env, "NAME=value; again for more")
      ->type_size(1)
      ->allow_extra_args(false);
  command->add_option("-w,--workdir", exec.working_dir, "Directory to run in");
  command->add_option("-u,--user", exec.user, "Name or number, :group may follow");
  // What follows the image or the box is the command's own, options included. Nothing may fall
  // through to the program's options then, so that those are options here as well.
  command->prefix_command();
  command->fallthrough(false);
  AddGlobalOptions(*command, global);
}

void AddRun(CLI::App& app, Arguments& arguments, int& exit_code) {
  CLI::App* run = app.add_subcommand("run", "Run a command in a new box");
  run->footer(
      "Usage: "
      "boxlite run [OPTIONS] IMAGE [COMMAND] [ARGUMENT...]");
  AddExecOptions(run, arguments.run.exec, arguments.global);
  run->add_flag("--rm", arguments.run.remove, "Remove the box when it stops");
  run->add_option("--name", arguments.run.name, "Name of the box");
  run->add_option("--cpus", arguments.run.cpus, "Virtual CPUs (default 1)");
  run->add_option("--memory", arguments.run.memory_mib, "Memory, in MiB or as 1g (default 512)")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, uint32_t>{{"m", 1}, {"mib", 1}, {"g", 1024}, {"gib", 1024}}));
  run->callback([&arguments, &exit_code, run] {
    std::vector<std::string> rest = run->remaining();
    if (rest.empty() || rest.front().empty()) throw CLI::ValidationError("IMAGE is missing");
    if (rest.front().front() == '-') throw CLI::ValidationError("unknown option " + rest.front());
    for (const char* number : {"--cpus", "--memory"}) {
      if (run->count(number) > 0 && run->get_option(number)->as<uint32_t>() == 0)
        throw CLI::ValidationError(std::string(number) + " is 0");
    }
    arguments.run.image = rest.front();
    arguments.run.command.assign(rest.begin() + 1, rest.end());
    exit_code = RunCommand(arguments.global, arguments.run);
  });
}

void AddExec(CLI::App& app, Arguments& arguments, int& exit_code) {
  CLI::App* exec = app.add_subcommand("exec", "Run a command in a box that runs");
  exec->footer(
      "Usage: "
      "boxlite exec [OPTIONS] BOX COMMAND [ARGUMENT...]");
  AddExecOptions(exec, arguments.exec, arguments.global);
  exec->callback([&arguments, &exit_code, exec] {
    std::vector<std::string> rest = exec->remaining();
    if (!rest.empty() && rest.front()[0] == '-')
      throw CLI::ValidationError("unknown option " + rest.front());
    if (rest.size() < 2) throw CLI::ValidationError("BOX and COMMAND are missing");
    exit_code =
        ExecCommand(arguments.global, arguments.exec, rest.front(), {rest.begin() + 1, rest.end()});
  });
}

void AddBoxCommands(CLI::App& app, Arguments& arguments, int& exit_code) {
  CLI::App* ps = app.add_subcommand("ps", "List boxes");
  ps->add_flag("-a,--all", arguments.all, "Also those that do not run");
  ps->add_flag("-q,--quiet", arguments.quiet, "Ids only");
  ps->add_flag("--json", arguments.json, "As JSON");
  ps->callback([&arguments, &exit_code] {
    exit_code = PsCommand(arguments.global, arguments.all, arguments.format());
  });

  CLI::App* stop = app.add_subcommand("stop", "Stop boxes");
  stop->add_option("BOX", arguments.boxes, "Name, id or beginning of an id")->required();
  stop->add_option("-t,--time", arguments.stop_seconds,
                   "Seconds to wait before the machine is ended (default 10)")
      ->check(CLI::Range(0, 86400));
  stop->callback([&arguments, &exit_code] {
    exit_code = StopCommand(arguments.global, arguments.boxes, arguments.stop_seconds);
  });

  CLI::App* remove = app.add_subcommand("rm", "Remove boxes");
  remove->add_option("BOX", arguments.boxes, "Name, id or beginning of an id")->required();
  remove->add_flag("-f,--force", arguments.force, "Stop one that runs");
  remove->callback([&arguments, &exit_code] {
    exit_code = RmCommand(arguments.global, arguments.boxes, arguments.force);
  });
}

void AddImageCommands(CLI::App& app, Arguments& arguments, int& exit_code) {
  CLI::App* pull = app.add_subcommand("pull", "Fetch an image");
  pull->add_option("IMAGE", arguments.reference, "Image reference")->required();
  pull->add_flag("-q,--quiet", arguments.quiet, "No progress");
  pull->callback([&arguments, &exit_code] {
    exit_code = PullCommand(arguments.global, arguments.reference, arguments.quiet);
  });

  CLI::App* images = app.add_subcommand("images", "List images");
  images->add_flag("-q,--quiet", arguments.quiet, "References only");
  images->add_flag("--json", arguments.json, "As JSON");
  images->callback([&arguments, &exit_code] {
    exit_code = ImagesCommand(arguments.global, arguments.format());
  });
}

void AddMachineCommands(CLI::App& app, Arguments& arguments, int& exit_code) {
  CLI::App* version = app.add_subcommand("version", "Show the version");
  version->add_flag("--json", arguments.json, "As JSON");
  version->callback([&arguments, &exit_code] { exit_code = VersionCommand(arguments.format()); });

  CLI::App* doctor = app.add_subcommand("doctor", "Look at what boxes need from this machine");
  doctor->add_flag("--json", arguments.json, "As JSON");
  doctor->callback([&arguments, &exit_code] {
    exit_code = DoctorCommand(arguments.global, arguments.format());
  });
}

// Numbers that are free would go to files of the library: what stands for them reads as an end and
// cannot be written.
void FillStandardStreams() {
  while (true) {
    int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (fd <= STDERR_FILENO) continue;
    ::close(fd);
    return;
  }
}

// CLI11 says only that a subcommand is required.
int Complain(const CLI::App& app, const CLI::ParseError& error) {
  std::vector<std::string> rest = app.remaining();
  bool unknown = app.get_subcommands().empty() && !rest.empty() && rest.front()[0] != '-';
  if (!unknown) return app.exit(error) == 0 ? 0 : kExitFailure;
  std::string message = "unknown command " + rest.front() + "; boxlite --help lists them";
  return Fail(message.c_str());
}

}  // namespace
}  // namespace boxlite::cli

// What CLI11 throws beyond ParseError is a mistake in the grammar above: ending at once shows it.
int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape)
  using namespace boxlite::cli;    // NOLINT(google-build-using-namespace)
  FillStandardStreams();
  CLI::App app("Run untrusted code in micro-VMs", "boxlite");
  app.set_version_flag("--version", std::string("boxlite ") + boxlite_version_string());
  Arguments arguments;
  int exit_code = kExitFailure;
  AddGlobalOptions(app, arguments.global);
  // They may also stand after the subcommand.
  app.fallthrough();
  app.require_subcommand(1);
  AddRun(app, arguments, exit_code);
  AddExec(app, arguments, exit_code);
  AddBoxCommands(app, arguments, exit_code);
  AddImageCommands(app, arguments, exit_code);
  AddMachineCommands(app, arguments, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return Complain(app, error);
  }
  return exit_code;
}
