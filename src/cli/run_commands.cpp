// `boxlite run` and `exec`.
#include <algorithm>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>

#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/execute.h"
#include "cli/images.h"
#include "cli/numbers.h"
#include "cli/terminal.h"

namespace boxlite::cli {
namespace {

struct RunOptions {
  ExecOptions exec;
  std::string name;
  std::string entrypoint;
  bool entrypoint_given = false;
  std::vector<std::string> labels;
  uint32_t cpus = 0;
  uint32_t memory_mib = 0;
  std::string isolation = "any";
  std::string pull = "missing";
  std::vector<std::string> ulimits;
  uint64_t pids_limit = 0;
  bool remove = false;  // --rm
  bool rootfs = false;  // IMAGE is the path of an OCI layout
  std::string image;
  std::vector<std::string> command;
};

constexpr const char* kRunDetails =
    "The box is made from IMAGE, which is pulled where it is missing. Without COMMAND it runs what "
    "the image says; with it, the image's entrypoint stays in front.\n\n"
    "In the foreground the box ends with the command, or with this program. With -d it goes on in "
    "the background, its id is printed and its output is discarded. Signals are passed on: one "
    "Ctrl-C "
    "is passed to the command as SIGINT, three end it.\n\n"
    "Example: boxlite run --rm python:slim python3 -c 'print(6*7)'";

constexpr const char* kExecDetails =
    "The command runs beside what runs in the box already, with the box's environment, directory "
    "and user unless options say otherwise.\n\n"
    "One Ctrl-C is passed to the command as SIGINT, three end it. The output of a command that -d "
    "leaves in the background is discarded.\n\n"
    "Example: boxlite exec -it web sh";

constexpr uint32_t kMainCommand = BOXLITE_EXEC_MAIN | BOXLITE_EXEC_ENTRYPOINT;

boxlite_isolation IsolationFromName(const std::string& name) {
  return name == "hardware" ? BOXLITE_ISOLATION_HARDWARE : BOXLITE_ISOLATION_ANY;
}

void SetFlags(const RunOptions& options, boxlite_box_options& raw) {
  raw.flags = BOXLITE_BOX_MAIN;
  if (options.remove) raw.flags |= BOXLITE_BOX_AUTO_REMOVE;
  if (options.exec.detach) raw.flags |= BOXLITE_BOX_DETACHED;
  if (options.entrypoint_given && options.entrypoint.empty())
    raw.flags |= BOXLITE_BOX_NO_ENTRYPOINT;
}

constexpr uint32_t kMaxCpus = 64;  // as the library has it
// Whatever a uint32_t holds.
constexpr uint32_t kNoLimit = std::numeric_limits<uint32_t>::max();

constexpr const char* kUlimits = "nofile, fsize, as or cpu";

// "nofile=1024": the limit's number in `raw`. Throws CLI::ValidationError.
void SetUlimit(const std::string& text, boxlite_box_options& raw) {
  size_t equals = std::min(text.find('='), text.size());
  std::string name = text.substr(0, equals),
              number = text.substr(std::min(equals + 1, text.size()));
  uint64_t* limit = name == "nofile"  ? &raw.max_open_files
                    : name == "fsize" ? &raw.max_file_size_bytes
                    : name == "as"    ? &raw.max_memory_bytes
                    : name == "cpu"   ? &raw.max_cpu_seconds
                                      : nullptr;
  if (limit == nullptr || !CLI::detail::lexical_cast(number, *limit) || *limit == 0)
    throw CLI::ValidationError("--ulimit", text + " is not NAME=NUMBER with " + kUlimits);
}

bool CreateBox(Session& session, const RunOptions& options, BoxHandle& box) {
  std::vector<const char*> env = Pointers(options.exec.env);
  std::vector<const char*> labels = Pointers(options.labels);
  std::vector<const char*> command = Pointers(options.command);
  const char* entrypoint = options.entrypoint.c_str();
  boxlite_box_options raw = BOXLITE_BOX_OPTIONS_INIT;
  (options.rootfs ? raw.rootfs_path : raw.image) = options.image.c_str();
  raw.name = OrNull(options.name);
  raw.cpus = options.cpus;
  raw.memory_mib = options.memory_mib;
  raw.isolation = IsolationFromName(options.isolation);
  raw.env = env.data();
  raw.env_count = env.size();
  raw.labels = labels.data();
  raw.label_count = labels.size();
  raw.cmd = command.data();
  raw.cmd_count = command.size();
  raw.entrypoint = &entrypoint;
  raw.entrypoint_count = options.entrypoint.empty() ? 0 : 1;
  raw.working_dir = OrNull(options.exec.working_dir);
  raw.user = OrNull(options.exec.user);
  raw.max_processes = options.pids_limit;
  for (const std::string& ulimit : options.ulimits) SetUlimit(ulimit, raw);
  SetFlags(options, raw);
  ErrorHandle err;
  if (boxlite_box_create(Out(box), session.runtime(), &raw, Out(err)) == BOXLITE_OK) return true;
  Fail(err.get());
  return false;
}

// Before anything is made.
bool HasTerminal(const ExecOptions& options) {
  if (!options.tty || !options.interactive || options.detach || InputIsTerminal()) return true;
  Fail("-t wants a terminal, and standard input is none; leave -t out");
  return false;
}

int RunDetached(Session& session, DetachedStart& start, boxlite_box* box, const ExecOptions& exec) {
  int failed = start.Start(session, box, {}, exec, kMainCommand);
  if (failed == 0) std::puts(boxlite_box_id(box));
  if (failed != 0) RemoveBox(session, box, BOXLITE_REMOVE_FORCE);
  return failed;
}

// What --pull asks for before the box is made.
int PullFirst(Session& session, const RunOptions& options) {
  if (options.rootfs || options.pull == "missing") return 0;
  std::string pulled;
  if (options.pull == "always") return PullImage(session, options.image, Progress::kShown, pulled);
  ImageInfoHandle image;
  ErrorHandle err;
  boxlite_status found =
      boxlite_image_get_info(Out(image), session.runtime(), options.image.c_str(), Out(err));
  return found == BOXLITE_OK ? 0 : Fail(err.get());
}

int Run(const GlobalOptions& global, const RunOptions& options) {
  if (!HasTerminal(options.exec)) return kExitFailure;
  DetachedStart start;
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  int failed = PullFirst(*session, options);
  if (failed != 0) return failed;
  BoxHandle box;
  if (!CreateBox(*session, options, box)) return kExitFailure;
  failed = StartBox(*session, box.get(), options.image);
  if (failed != 0) {
    RemoveBox(*session, box.get(), BOXLITE_REMOVE_FORCE);
    return failed;
  }
  // The command, its environment, directory and user are the box's already.
  ExecOptions exec = options.exec;
  exec.env.clear();
  exec.working_dir.clear();
  exec.user.clear();
  if (exec.detach) return RunDetached(*session, start, box.get(), exec);
  int exit_code = ForegroundExecution(*session, box.get(), exec).Run({}, kMainCommand);
  int stop_failed = StopBox(*session, box.get(), 0);
  return exit_code == 0 ? stop_failed : exit_code;
}

int Exec(const GlobalOptions& global, const ExecOptions& options, const std::string& name,
         const std::vector<std::string>& command) {
  if (!HasTerminal(options)) return kExitFailure;
  DetachedStart start;
  std::unique_ptr<Session> session = Session::Open(global);
  BoxHandle box;
  if (!session || !FindBox(*session, name, box) || !IsRunning(box.get(), name)) return kExitFailure;
  if (options.detach) return start.Start(*session, box.get(), command, options, 0);
  return ForegroundExecution(*session, box.get(), options).Run(command, 0);
}

// ---------------------------------------------------------------- grammar

void AddExecOptions(Program& program, CLI::App* command, ExecOptions& exec) {
  command->add_flag("-i,--interactive", exec.interactive, "Keep standard input open");
  command->add_flag("-t,--tty", exec.tty, "Give the command a terminal");
  command->add_flag("-d,--detach", exec.detach, "Leave it running in the background");
  AddRepeated(command, "-e,--env", exec.env, "NAME=value, or NAME as it is here; again for more");
  AddRepeated(command, "--env-file", exec.env_files, "File with one NAME=value a line");
  command->add_option("-w,--workdir", exec.working_dir, "Directory to run in");
  command->add_option("-u,--user", exec.user, "Name or number, :group may follow");
  command->add_option("--timeout", exec.timeout_seconds, "Seconds after which it is killed (124)")
      ->type_name("SECONDS")
      ->check(SecondsAboveZero());
  // What follows the image or the box is the command's own, options included. Nothing may fall
  // through to the program's options then, so that those are options here as well.
  command->prefix_command();
  command->fallthrough(false);
  program.AddGlobalOptions(*command);
}

// Of options that docker has: ": " and why there is no such thing, else "".
std::string WhyNotThere(const std::string& word) {
  constexpr const char* kNoVolumes = "boxes have no volumes yet, boxlite cp copies files";
  constexpr const char* kNoNetwork = "boxes have no network yet";
  constexpr const char* kNoSuchThing = "boxes have no such thing yet";
  static const std::map<std::string, const char*> kReasons = {
      {"-v", kNoVolumes},
      {"--volume", kNoVolumes},
      {"--mount", kNoVolumes},
      {"--tmpfs", kNoSuchThing},
      {"-p", kNoNetwork},
      {"-P", kNoNetwork},
      {"--publish", kNoNetwork},
      {"--publish-all", kNoNetwork},
      {"--network", kNoNetwork},
      {"--net", kNoNetwork},
      {"--platform", "images are linux/amd64, as boxes are"},
      {"--read-only", kNoSuchThing},
      {"--restart", kNoSuchThing},
      {"--privileged", "a box is a machine of its own and has no such mode"},
      {"--init", "the first process of every box is such an init"},
  };
  bool is_long = word.compare(0, 2, "--") == 0;
  auto reason = kReasons.find(is_long ? word.substr(0, word.find('=')) : word.substr(0, 2));
  return reason == kReasons.end() ? "" : std::string(": ") + reason->second;
}

// The words after the options.
std::vector<std::string> Words(const CLI::App* command) {
  std::vector<std::string> words = command->remaining();
  if (!words.empty() && words.front().size() > 1 && words.front().front() == '-')
    throw CLI::ValidationError("unknown option " + words.front() + WhyNotThere(words.front()));
  return words;
}

void AddBoxOptions(CLI::App* run, RunOptions& options) {
  run->add_flag("--rm", options.remove, "Remove the box when it stops");
  run->add_option("--name", options.name, "Name of the box");
  run->add_option("--cpus", options.cpus, "Virtual CPUs (default 1)")
      ->type_name("NUMBER")
      ->check(WholeNumber(1, kMaxCpus));
  run->add_option("-m,--memory", options.memory_mib, "Memory, in MiB or as 1g (default 512)")
      ->type_name("SIZE")
      ->transform(MemorySize());
  AddRepeated(run, "-l,--label", options.labels, "name=value; again for more");
  AddRepeated(run, "--ulimit", options.ulimits,
              std::string("NAME=NUMBER of each process: ") + kUlimits);
  run->add_option("--pids-limit", options.pids_limit, "Processes that the box may have")
      ->type_name("NUMBER")
      ->check(WholeNumber(1, kNoLimit));
  run->add_option("--entrypoint", options.entrypoint, "Instead of the image's; \"\" for none");
  run->add_option("--isolation", options.isolation, "any or hardware (default any)")
      ->check(CLI::IsMember({"any", "hardware"}));
  run->add_option("--pull", options.pull, "missing, always or never (default missing)")
      ->check(CLI::IsMember({"missing", "always", "never"}));
  run->add_flag("--rootfs", options.rootfs,
                "IMAGE is a path: an OCI layout, an archive of an image, a root tar");
}

void AddRun(Program& program) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* run = program.Add({"run", "Run a command in a new box",
                               "[OPTIONS] IMAGE [COMMAND] [ARGUMENT...]", kRunDetails});
  AddExecOptions(program, run, options->exec);
  AddBoxOptions(run, *options);
  program.OnRun(run, [&program, options, run] {
    std::vector<std::string> words = Words(run);
    if (words.empty() || words.front().empty()) throw CLI::ValidationError("IMAGE is missing");
    options->image = words.front();
    options->command.assign(words.begin() + 1, words.end());
    options->entrypoint_given = run->count("--entrypoint") > 0;
    options->exec.env = ReadEnvironment(options->exec.env_files, options->exec.env);
    boxlite_box_options unused = BOXLITE_BOX_OPTIONS_INIT;
    for (const std::string& ulimit : options->ulimits) SetUlimit(ulimit, unused);
    return Run(program.global(), *options);
  });
}

void AddExec(Program& program) {
  auto options = std::make_shared<ExecOptions>();
  CLI::App* exec = program.Add({"exec", "Run a command in a box that runs",
                                "[OPTIONS] BOX COMMAND [ARGUMENT...]", kExecDetails});
  AddExecOptions(program, exec, *options);
  program.OnRun(exec, [&program, options, exec] {
    std::vector<std::string> words = Words(exec);
    if (words.empty()) throw CLI::ValidationError("BOX and COMMAND are missing");
    if (words.size() == 1) throw CLI::ValidationError("COMMAND is missing");
    options->env = ReadEnvironment(options->env_files, options->env);
    return Exec(program.global(), *options, words.front(), {words.begin() + 1, words.end()});
  });
}

}  // namespace

void AddRunCommands(Program& program) {
  AddRun(program);
  AddExec(program);
}

}  // namespace boxlite::cli
