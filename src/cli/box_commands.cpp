// `boxlite ps`, `stop`, `start`, `kill`, `rm` and `rename`.
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <list>
#include <memory>

#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/signals.h"
#include "cli/values.h"

namespace boxlite::cli {
namespace {

using json::Value;

// ---------------------------------------------------------------- ps

struct PsOptions {
  OutputOptions output;
  bool all = false;
  bool latest = false;
  uint32_t last = 0;
  std::vector<std::string> filters;
};

constexpr const char* kPsDetails =
    "Filters are name=TEXT and id=TEXT (a part of it), image=TEXT (the reference as it was given), "
    "status=STATE, label=NAME or label=NAME=VALUE. Those of one kind are alternatives.";

std::vector<Column> BoxColumns() {
  auto image = [](const Value& row) {
    std::string name = Member("image")(row);
    return name.empty() ? Member("rootfs_path")(row) : name;
  };
  return {{"BOX ID", Member("id")},
          {"IMAGE", image},
          {"CREATED", AgeMember("created_at_ms")},
          {"STATUS", Member("status")},
          {"NAME", Member("name")}};
}

int Ps(const GlobalOptions& global, const PsOptions& options) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  BoxListHandle list;
  ErrorHandle err;
  if (boxlite_box_list_create(Out(list), session->runtime(), Out(err)) != BOXLITE_OK)
    return Fail(err.get());
  BoxFilter filter(options.filters);
  bool any_state = options.all || options.last > 0 || filter.asks_for_state();
  Listing listing{BoxColumns(), "id", {}, BoxValue(nullptr)};
  for (size_t i = 0; i < boxlite_box_list_size(list.get()); ++i) {
    const boxlite_box_info* box = boxlite_box_list_get(list.get(), i);
    if (!any_state && !Lives(box)) continue;
    Value row = BoxValue(box);
    if (filter.Fits(row)) listing.rows.push_back(std::move(row));
  }
  if (options.last > 0 && listing.rows.size() > options.last)
    listing.rows.erase(listing.rows.begin(), listing.rows.end() - options.last);
  return Print(listing, options.output);
}

void AddPs(Program& program) {
  auto options = std::make_shared<PsOptions>();
  CLI::App* ps = program.Add({"ps", "List boxes", "[OPTIONS]", kPsDetails});
  ps->add_flag("-a,--all", options->all, "Also those that do not run");
  ps->add_flag("-q,--quiet", options->output.quiet, "Ids only");
  AddRepeated(ps, "-f,--filter", options->filters, "Only boxes that fit; again for more");
  ps->add_option("-n,--last", options->last, "The newest N, whatever their state")
      ->type_name("N")
      ->check(WholeNumber(0, std::numeric_limits<uint32_t>::max()));
  ps->add_flag("-l,--latest", options->latest, "The newest, whatever its state");
  AddOutputOptions(ps, options->output);
  program.OnRun(ps, [&program, options] {
    BoxFilter::Check(options->filters);
    if (options->latest) options->last = 1;
    return Ps(program.global(), *options);
  });
}

// ---------------------------------------------------------------- one step with each of some boxes

using Step = std::function<int(Session& session, boxlite_box* box)>;

int ForEachBox(const GlobalOptions& global, const std::vector<std::string>& names,
               const Step& step) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  return ForEach(names, Echo::kNames, [&](const std::string& name) {
    BoxHandle box;
    return FindBox(*session, name, box) ? step(*session, box.get()) : kExitFailure;
  });
}

CLI::App* AddForBoxes(Program& program, const CommandText& text, std::vector<std::string>& boxes) {
  CLI::App* command = program.Add(text);
  command->add_option("BOX", boxes, "Name, id or beginning of an id")->required();
  return command;
}

struct StopOptions {
  std::vector<std::string> boxes;
  uint32_t seconds = 10;
};

void AddStop(Program& program) {
  auto options = std::make_shared<StopOptions>();
  CLI::App* stop = AddForBoxes(program,
                               {"stop", "Stop boxes", "[OPTIONS] BOX...",
                                "Processes are asked to end (SIGTERM); after --time the machine "
                                "is ended. A box made with --rm is removed."},
                               options->boxes);
  stop->add_option("-t,--time", options->seconds,
                   "Seconds to wait before the machine is ended (default 10)")
      ->type_name("SECONDS")
      ->check(WholeNumber(0, 86400));
  program.OnRun(stop, [&program, options] {
    // 0 means the default to the library; to the user it means at once.
    uint32_t timeout_ms = std::max<uint32_t>(options->seconds * 1000, 1);
    return ForEachBox(program.global(), options->boxes, [&](Session& session, boxlite_box* box) {
      return StopBox(session, box, timeout_ms);
    });
  });
}

// The machine of a box that was made here in the foreground would end with us.
// What is started stays in `starts`, which outlives the session.
int StartAgain(Session& session, boxlite_box* box, std::list<DetachedStart>& starts) {
  BoxInfoHandle info;
  ErrorHandle err;
  if (boxlite_box_get_info(Out(info), box, Out(err)) != BOXLITE_OK) return Fail(err.get());
  if (Lives(info.get())) return 0;
  if (boxlite_box_set_detached(box, 1, Out(err)) != BOXLITE_OK) return Fail(err.get());
  int failed = StartBox(session, box, boxlite_box_info_image(info.get()));
  bool has_command = (boxlite_box_info_flags(info.get()) & BOXLITE_BOX_MAIN) != 0;
  if (failed != 0 || !has_command) return failed;
  return starts.emplace_back().Start(session, box, {}, {},
                                     BOXLITE_EXEC_MAIN | BOXLITE_EXEC_ENTRYPOINT);
}

void AddStart(Program& program) {
  auto boxes = std::make_shared<std::vector<std::string>>();
  CLI::App* start =
      AddForBoxes(program,
                  {"start", "Start boxes that do not run", "BOX...",
                   "They run in the background. A box that `boxlite run` made runs its command "
                   "again; any other runs nothing by itself."},
                  *boxes);
  program.OnRun(start, [&program, boxes] {
    std::list<DetachedStart> starts;
    return ForEachBox(program.global(), *boxes, [&starts](Session& session, boxlite_box* box) {
      return StartAgain(session, box, starts);
    });
  });
}

struct KillOptions {
  std::vector<std::string> boxes;
  std::string signal = "KILL";
};

int Kill(Session& session, boxlite_box* box, int number) {
  Completion killed;
  ErrorHandle err;
  boxlite_status started =
      boxlite_box_kill(box, number, Completion::Done, &killed, nullptr, nullptr, Out(err));
  return Await(session, started, err, killed);
}

void AddKill(Program& program) {
  auto options = std::make_shared<KillOptions>();
  CLI::App* kill =
      AddForBoxes(program,
                  {"kill", "End boxes at once, or signal their command", "[OPTIONS] BOX...",
                   "SIGKILL ends the machine. Another signal goes to the main "
                   "command, which may do with it what it wants."},
                  options->boxes);
  kill->add_option("-s,--signal", options->signal, "Name or number (default KILL)");
  program.OnRun(kill, [&program, options] {
    std::optional<int> number = SignalNumber(options->signal);
    if (!number) throw CLI::ValidationError("--signal", options->signal + " is no signal");
    return ForEachBox(program.global(), options->boxes, [&](Session& session, boxlite_box* box) {
      return Kill(session, box, *number);
    });
  });
}

struct RmOptions {
  std::vector<std::string> boxes;
  bool force = false;
};

void AddRm(Program& program) {
  auto options = std::make_shared<RmOptions>();
  CLI::App* rm =
      AddForBoxes(program, {"rm", "Remove boxes", "[OPTIONS] BOX...", "Their disks go with them."},
                  options->boxes);
  rm->add_flag("-f,--force", options->force, "Stop one that runs");
  program.OnRun(rm, [&program, options] {
    uint32_t flags = options->force ? BOXLITE_REMOVE_FORCE : 0;
    return ForEachBox(program.global(), options->boxes, [&](Session& session, boxlite_box* box) {
      return RemoveBox(session, box, flags);
    });
  });
}

struct RenameOptions {
  std::string box, name;
};

void AddRename(Program& program) {
  auto options = std::make_shared<RenameOptions>();
  CLI::App* rename = program.Add({"rename", "Give a box another name", "BOX NAME", ""});
  rename->add_option("BOX", options->box, "Name, id or beginning of an id")->required();
  rename->add_option("NAME", options->name, "The new name")->required();
  program.OnRun(rename, [&program, options] {
    std::unique_ptr<Session> session = Session::Open(program.global());
    BoxHandle box;
    if (!session || !FindBox(*session, options->box, box)) return kExitFailure;
    ErrorHandle err;
    boxlite_status renamed = boxlite_box_rename(box.get(), options->name.c_str(), Out(err));
    return renamed == BOXLITE_OK ? 0 : Fail(err.get());
  });
}

}  // namespace

void AddBoxCommands(Program& program) {
  AddPs(program);
  AddStop(program);
  AddStart(program);
  AddKill(program);
  AddRm(program);
  AddRename(program);
}

}  // namespace boxlite::cli
