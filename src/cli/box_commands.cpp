// `boxlite ps`, `stop` and `rm`.
#include <cstdio>

#include "cli/commands.h"
#include "cli/json_output.h"
#include "cli/table.h"

namespace boxlite::cli {
namespace {

std::string Status(const boxlite_box_info* box) {
  boxlite_box_state state = boxlite_box_info_state(box);
  std::string text = boxlite_box_state_name(state);
  if (state != BOXLITE_BOX_STATE_STOPPED) return text;
  int code = boxlite_box_info_exit_code(box);
  text += " (";
  text += code != BOXLITE_EXIT_CODE_NONE
              ? std::to_string(ShellExitCode(code))
              : boxlite_exit_reason_name(boxlite_box_info_exit_reason(box));
  return text + ")";
}

Row BoxRow(const boxlite_box_info* box) {
  const char* image = boxlite_box_info_image(box);
  return {boxlite_box_info_id(box), *image != '\0' ? image : boxlite_box_info_rootfs_path(box),
          TimeAgo(boxlite_box_info_created_at_ms(box)), Status(box), boxlite_box_info_name(box)};
}

void PrintBoxes(const std::vector<const boxlite_box_info*>& boxes, OutputFormat format) {
  if (format == OutputFormat::kQuiet) {
    for (const boxlite_box_info* box : boxes) std::puts(boxlite_box_info_id(box));
    return;
  }
  std::vector<Row> rows = {{"BOX ID", "IMAGE", "CREATED", "STATUS", "NAME"}};
  for (const boxlite_box_info* box : boxes) rows.push_back(BoxRow(box));
  PrintTable(rows);
}

// Calls `act` for each named box; goes on after a failure and returns the last one.
template <typename Act>
int ForEachBox(const GlobalOptions& global, const std::vector<std::string>& names, Act act) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  int failed = 0;
  for (const std::string& name : names) {
    BoxHandle box;
    ErrorHandle err;
    boxlite_status found = boxlite_box_get(Out(box), session->runtime(), name.c_str(), Out(err));
    int result = found == BOXLITE_OK ? act(*session, box.get()) : Fail(err.get());
    if (result == 0) std::puts(name.c_str());
    if (result != 0) failed = 1;
  }
  return failed;
}

}  // namespace

int PsCommand(const GlobalOptions& global, bool all, OutputFormat format) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  BoxListHandle list;
  ErrorHandle err;
  if (boxlite_box_list_create(Out(list), session->runtime(), Out(err)) != BOXLITE_OK)
    return Fail(err.get());
  std::vector<const boxlite_box_info*> shown;
  for (size_t i = 0; i < boxlite_box_list_size(list.get()); ++i) {
    const boxlite_box_info* box = boxlite_box_list_get(list.get(), i);
    boxlite_box_state state = boxlite_box_info_state(box);
    bool lives = state != BOXLITE_BOX_STATE_CREATED && state != BOXLITE_BOX_STATE_STOPPED;
    if (all || lives) shown.push_back(box);
  }
  if (format == OutputFormat::kJson) return PrintBoxesJson(shown);
  PrintBoxes(shown, format);
  return 0;
}

int StopCommand(const GlobalOptions& global, const std::vector<std::string>& boxes,
                uint32_t timeout_seconds) {
  return ForEachBox(global, boxes, [&](Session& session, boxlite_box* box) {
    Completion stopped;
    ErrorHandle err;
    // 0 means the default to the library; to the user it means at once.
    uint32_t timeout_ms = timeout_seconds == 0 ? 1 : timeout_seconds * 1000;
    boxlite_status started =
        boxlite_box_stop(box, timeout_ms, Completion::Done, &stopped, nullptr, nullptr, Out(err));
    return Await(session, started, err, stopped);
  });
}

int RmCommand(const GlobalOptions& global, const std::vector<std::string>& boxes, bool force) {
  return ForEachBox(global, boxes, [&](Session& session, boxlite_box* box) {
    Completion removed;
    ErrorHandle err;
    boxlite_status started =
        boxlite_box_remove(box, force ? BOXLITE_REMOVE_FORCE : 0, Completion::Done, &removed,
                           nullptr, nullptr, Out(err));
    return Await(session, started, err, removed);
  });
}

}  // namespace boxlite::cli
