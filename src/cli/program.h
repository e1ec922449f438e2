// The grammar of the command line. Help, manual pages and completion are made from it, so that a
// command is described once, beside what it does.
//
//   auto options = std::make_shared<StopOptions>();
//   CLI::App* stop = program.Add({"stop", "Stop boxes", "[OPTIONS] BOX...", kStopDetails});
//   stop->add_option("BOX", options->boxes, "Name, id or beginning of an id")->required();
//   program.OnRun(stop, [&program, options] { return Stop(program.global(), *options); });
//
// Options live in a shared_ptr because CLI11 keeps references to them as long as the grammar.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/place.h"
#include "cli/session.h"

namespace boxlite::cli {

struct CommandText {
  const char* name;
  const char* summary;   // one line, without a full stop
  const char* synopsis;  // what follows the name; words in capitals are what completion offers
  const char* details;   // paragraphs for help and manual; may be ""
};

class Program {
 public:
  Program();
  ~Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Commands that are added from now on stand under this heading.
  void BeginGroup(const char* heading) { group_ = heading; }
  CLI::App* Add(const CommandText& text) { return Add(app_, text); }
  CLI::App* Add(CLI::App& parent, const CommandText& text);
  // What the command does, and its exit code. May throw CLI::ValidationError.
  void OnRun(CLI::App* command, std::function<int()> action);
  // The global options, also for a command that takes words of somebody else's after its own.
  void AddGlobalOptions(CLI::App& command);

  const GlobalOptions& global() const { return global_; }
  const CLI::App& app() const { return app_; }
  const std::string& synopsis(const CLI::App& command) const { return synopses_.at(&command); }

  // Parses, runs, and returns the program's exit code.
  int Run(int argc, const char* const* argv);

 private:
  bool ReplaceHelp(std::vector<const char*>& words) const;
  // `place` is moved behind the last word.
  std::vector<std::string> Arguments(int argc, const char* const* argv, Place& place) const;
  int Complain(const CLI::ParseError& error, const Place& place) const;

  CLI::App app_;
  GlobalOptions global_;
  std::string group_;
  std::map<const CLI::App*, std::string> synopses_;
  int exit_code_ = kExitFailure;
};

// The commands of one file each.
void AddRunCommands(Program& program);      // run, exec
void AddBoxCommands(Program& program);      // ps … rename
void AddCopyCommand(Program& program);      // cp
void AddTopCommand(Program& program);       // top
void AddInspectCommand(Program& program);   // inspect, for boxes and images
void AddImageCommands(Program& program);    // pull, images, rmi, tag, history
void AddArchiveCommands(Program& program);  // load, save
void AddSystemCommand(Program& program);    // system df, system prune
void AddMachineCommands(Program& program);  // doctor, version
void AddCompletionCommands(Program& program);

}  // namespace boxlite::cli
