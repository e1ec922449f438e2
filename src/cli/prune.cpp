#include "cli/prune.h"

#include <cstdio>
#include <iostream>
#include <string>

#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/terminal.h"

namespace boxlite::cli {
namespace {

struct Prune {
  Completion completion;
  std::vector<std::string> references;
  uint64_t bytes = 0;
};

void OnPruned(void* user_data, boxlite_status status, const boxlite_error* err,
              const boxlite_prune_report* report) {
  auto* prune = static_cast<Prune*>(user_data);
  Completion::Done(&prune->completion, status, err);
  if (report == nullptr) return;
  prune->bytes = boxlite_prune_report_bytes(report);
  while (const char* name = boxlite_prune_report_reference(report, prune->references.size()))
    prune->references.emplace_back(name);
}

// A program that asks where nobody can answer would wait for ever, or remove what was not meant.
bool Agreed(const PruneOptions& options, const char* what) {
  if (options.force) return true;
  if (!InputIsTerminal()) {
    Fail("standard input is no terminal to ask on; --force does it without asking");
    return false;
  }
  std::fprintf(stderr, "This removes %s. Go on? [y/N] ", what);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

int Images(Session& session, const PruneOptions& options, Prune& prune) {
  OperationHandle operation;
  ErrorHandle err;
  boxlite_status started =
      boxlite_image_prune(session.runtime(), options.all ? BOXLITE_PRUNE_ALL : 0, OnPruned, &prune,
                          nullptr, Out(operation), Out(err));
  return AwaitCancellable(session, started, err, prune.completion, operation.get());
}

int Report(const Prune& prune) {
  for (const std::string& reference : prune.references) std::puts(reference.c_str());
  std::printf("%s are free again\n", HumanSize(prune.bytes).c_str());
  return 0;
}

bool IsOver(const boxlite_box_info* box) {
  boxlite_box_state state = boxlite_box_info_state(box);
  return state == BOXLITE_BOX_STATE_CREATED || state == BOXLITE_BOX_STATE_STOPPED;
}

// One that is started meanwhile by another program is not removed: that is told and nothing more.
int Boxes(Session& session) {
  BoxListHandle list;
  ErrorHandle err;
  if (boxlite_box_list_create(Out(list), session.runtime(), Out(err)) != BOXLITE_OK)
    return Fail(err.get());
  std::vector<std::string> ids;
  for (size_t i = 0; i < boxlite_box_list_size(list.get()); ++i) {
    const boxlite_box_info* box = boxlite_box_list_get(list.get(), i);
    if (IsOver(box)) ids.emplace_back(boxlite_box_info_id(box));
  }
  return ForEach(ids, Echo::kNames, [&](const std::string& id) {
    BoxHandle box;
    return FindBox(session, id, box) ? RemoveBox(session, box.get(), 0) : kExitFailure;
  });
}

}  // namespace

void AddPruneOptions(CLI::App* command, PruneOptions& options) {
  command->add_flag("-a,--all", options.all, "Every image that no box was made from");
  command->add_flag("-f,--force", options.force, "Without asking");
}

int PruneImages(const GlobalOptions& global, const PruneOptions& options) {
  const char* what = options.all ? "every image that no box was made from" : "unnamed images";
  if (!Agreed(options, what)) return 1;
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  Prune prune;
  int failed = Images(*session, options, prune);
  return failed != 0 ? failed : Report(prune);
}

int PruneSystem(const GlobalOptions& global, const PruneOptions& options) {
  const char* what = options.all ? "every box that does not run, and every image without a box"
                                 : "every box that does not run, and unnamed images";
  if (!Agreed(options, what)) return 1;
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  int boxes_failed = Boxes(*session);
  Prune prune;
  int failed = Images(*session, options, prune);
  if (failed == 0) failed = Report(prune);
  return failed != 0 ? failed : boxes_failed;
}

}  // namespace boxlite::cli
