// `boxlite top`: what runs in a box.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/values.h"

namespace boxlite::cli {
namespace {

using json::Value;

struct Processes {
  Completion completion;
  std::vector<Value> rows;
};

void OnProcesses(void* user_data, boxlite_status status, const boxlite_error* err,
                 const boxlite_process_list* list) {
  auto* processes = static_cast<Processes*>(user_data);
  size_t count = list == nullptr ? 0 : boxlite_process_list_size(list);
  for (size_t i = 0; i < count; ++i)
    processes->rows.push_back(ProcessValue(boxlite_process_list_get(list, i)));
  Completion::Done(&processes->completion, status, err);
}

struct TopOptions {
  std::string box;
  OutputOptions output;
};

std::string CpuSeconds(const Value& row) {
  auto milliseconds = row.Integer("cpu_ms", 0);
  if (!milliseconds.ok()) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", static_cast<double>(milliseconds.value()) / 1000);
  return text;
}

int Top(const GlobalOptions& global, const TopOptions& options) {
  std::unique_ptr<Session> session = Session::Open(global);
  BoxHandle box;
  if (!session || !FindBox(*session, options.box, box) || !IsRunning(box.get(), options.box))
    return kExitFailure;
  Processes processes;
  OperationHandle operation;
  ErrorHandle err;
  boxlite_status started = boxlite_box_list_processes(box.get(), OnProcesses, &processes, nullptr,
                                                      Out(operation), Out(err));
  int failed = AwaitCancellable(*session, started, err, processes.completion, operation.get());
  if (failed != 0) return failed;
  return Print({{{"PID", Member("pid")},
                 {"PPID", Member("ppid")},
                 {"USER", Member("user")},
                 {"STATE", Member("state")},
                 {"CPU", CpuSeconds},
                 {"MEMORY", SizeMember("memory_bytes")},
                 {"STARTED", AgeMember("started_at_ms")},
                 {"COMMAND", Member("command")}},
                "pid",
                std::move(processes.rows)},
               options.output);
}

}  // namespace

void AddTopCommand(Program& program) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* top = program.Add({"top", "List what runs in a box", "[OPTIONS] BOX", ""});
  top->add_option("BOX", options->box, "Name, id or beginning of an id")->required();
  top->add_flag("-q,--quiet", options->output.quiet, "Numbers of the processes only");
  AddOutputOptions(top, options->output);
  program.OnRun(top, [&program, options] { return Top(program.global(), *options); });
}

}  // namespace boxlite::cli
