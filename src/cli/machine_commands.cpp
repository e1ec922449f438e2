// `boxlite doctor` and `version`.
#include <cstdio>
#include <memory>

#include "cli/colour.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/values.h"

namespace boxlite::cli {
namespace {

using json::Value;

struct Examination {
  Completion completion;
  std::vector<Value> checks;
};

void OnReport(void* user_data, boxlite_status status, const boxlite_error* err,
              const boxlite_doctor_report* report) {
  auto* examination = static_cast<Examination*>(user_data);
  Completion::Done(&examination->completion, status, err);
  if (report == nullptr) return;
  for (size_t i = 0; i < boxlite_doctor_report_size(report); ++i)
    examination->checks.push_back(CheckValue(report, i));
}

Colour ColourOf(const std::string& state) {
  if (state == "error") return Colour::kRed;
  return state == "warning" ? Colour::kYellow : Colour::kGreen;
}

// Not a table: details and hints are sentences.
void PrintChecks(const std::vector<Value>& checks) {
  for (const Value& check : checks) {
    std::string state = Member("state")(check), hint = Member("hint")(check);
    state.resize(8, ' ');
    std::printf("%s %-18s %s\n", Coloured(state, ColourOf(Member("state")(check))).c_str(),
                Member("name")(check).c_str(), Member("detail")(check).c_str());
    if (!hint.empty()) std::printf("%-8s %-18s hint: %s\n", "", "", hint.c_str());
  }
}

int Doctor(const GlobalOptions& global, const OutputOptions& output) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  Examination examination;
  ErrorHandle err;
  boxlite_status started =
      boxlite_runtime_doctor(session->runtime(), OnReport, &examination, nullptr, Out(err));
  int failed = Await(*session, started, err, examination.completion);
  if (failed != 0) return failed;
  for (const Value& check : examination.checks) {
    if (Member("state")(check) == "error") failed = 1;
  }
  if (!output.json && output.format.empty()) {
    PrintChecks(examination.checks);
    return failed;
  }
  int printed = Print({{}, "name", std::move(examination.checks)}, output);
  return printed != 0 ? printed : failed;
}

}  // namespace

void AddMachineCommands(Program& program) {
  auto doctor_output = std::make_shared<OutputOptions>();
  CLI::App* doctor =
      program.Add({"doctor", "Look at what boxes need from this machine", "[OPTIONS]",
                   "Exits with 1 where something is missing without which no box runs."});
  AddOutputOptions(doctor, *doctor_output);
  program.OnRun(doctor,
                [&program, doctor_output] { return Doctor(program.global(), *doctor_output); });

  auto version_output = std::make_shared<OutputOptions>();
  CLI::App* version = program.Add({"version", "Show the version", "[OPTIONS]", ""});
  AddOutputOptions(version, *version_output);
  program.OnRun(version, [version_output] {
    Value value = Value::Object();
    value.Set("version", TextValue(boxlite_version_string()));
    if (version_output->json || !version_output->format.empty())
      return PrintDocument(value, *version_output);
    std::printf("boxlite %s\n", boxlite_version_string());
    return 0;
  });
}

}  // namespace boxlite::cli
