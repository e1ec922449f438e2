// `boxlite version` and `doctor`.
#include <cstdio>

#include "cli/commands.h"
#include "cli/json_output.h"

namespace boxlite::cli {
namespace {

struct Examination {
  Completion completion;
  OutputFormat format;
  bool healthy = true;
};

void PrintReport(const boxlite_doctor_report* report) {
  for (size_t i = 0; i < boxlite_doctor_report_size(report); ++i) {
    std::printf("%-8s %-18s %s\n", DoctorStateName(boxlite_doctor_report_state(report, i)),
                boxlite_doctor_report_name(report, i), boxlite_doctor_report_detail(report, i));
    const char* hint = boxlite_doctor_report_hint(report, i);
    if (*hint != '\0') std::printf("%-8s %-18s hint: %s\n", "", "", hint);
  }
}

void OnReport(void* user_data, boxlite_status status, const boxlite_error* err,
              const boxlite_doctor_report* report) {
  auto* examination = static_cast<Examination*>(user_data);
  Completion::Done(&examination->completion, status, err);
  if (report == nullptr) return;
  for (size_t i = 0; i < boxlite_doctor_report_size(report); ++i) {
    if (boxlite_doctor_report_state(report, i) == BOXLITE_DOCTOR_STATE_ERROR)
      examination->healthy = false;
  }
  if (examination->format == OutputFormat::kJson) {
    PrintDoctorJson(report);
  } else {
    PrintReport(report);
  }
}

}  // namespace

int VersionCommand(OutputFormat format) {
  if (format == OutputFormat::kJson) return PrintVersionJson();
  std::printf("boxlite %s\n", boxlite_version_string());
  return 0;
}

int DoctorCommand(const GlobalOptions& global, OutputFormat format) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  Examination examination{{}, format};
  ErrorHandle err;
  boxlite_status started =
      boxlite_runtime_doctor(session->runtime(), OnReport, &examination, nullptr, Out(err));
  int failed = Await(*session, started, err, examination.completion);
  if (failed != 0) return failed;
  return examination.healthy ? 0 : 1;
}

}  // namespace boxlite::cli
