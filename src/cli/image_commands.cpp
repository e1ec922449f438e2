// `boxlite pull` and `images`.
#include <signal.h>

#include <cstdio>

#include "cli/commands.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/table.h"

namespace boxlite::cli {
namespace {

constexpr size_t kShortDigest = 19;  // "sha256:" and 12 digits

struct Pull {
  Completion completion;
  ProgressLine progress;
  bool quiet = false;
  std::string reference, digest;
};

void OnProgress(void* user_data, const boxlite_progress* progress) {
  auto* pull = static_cast<Pull*>(user_data);
  if (!pull->quiet) pull->progress.Show(*progress);
}

void OnPulled(void* user_data, boxlite_status status, const boxlite_error* err,
              const boxlite_image_info* image) {
  auto* pull = static_cast<Pull*>(user_data);
  if (image != nullptr) {
    pull->reference = boxlite_image_info_reference(image);
    pull->digest = boxlite_image_info_digest(image);
  }
  Completion::Done(&pull->completion, status, err);
}

int AwaitPull(Session& session, const std::string& reference, Pull& pull) {
  OperationHandle operation;
  ErrorHandle err;
  boxlite_status started = boxlite_image_pull(session.runtime(), reference.c_str(), OnProgress,
                                              OnPulled, &pull, nullptr, Out(operation), Out(err));
  int interrupted = 0;
  auto signals = session.OnSignals([&](int number) {
    if (number == SIGWINCH) return;
    interrupted = number;
    boxlite_operation_cancel(operation.get());
  });
  int failed = Await(session, started, err, pull.completion);
  return failed != 0 && interrupted != 0 ? 128 + interrupted : failed;
}

Row ImageRow(const boxlite_image_info* image) {
  std::string digest = boxlite_image_info_digest(image);
  return {boxlite_image_info_reference(image), digest.substr(0, kShortDigest),
          TimeAgo(boxlite_image_info_pulled_at_ms(image)),
          HumanSize(boxlite_image_info_size(image))};
}

}  // namespace

int PullCommand(const GlobalOptions& global, const std::string& reference, bool quiet) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  Pull pull{{}, ProgressLine(reference), quiet, {}, {}};
  int failed = AwaitPull(*session, reference, pull);
  if (failed == 0) std::printf("%s@%s\n", pull.reference.c_str(), pull.digest.c_str());
  return failed;
}

int ImagesCommand(const GlobalOptions& global, OutputFormat format) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  ImageListHandle list;
  ErrorHandle err;
  if (boxlite_image_list_create(Out(list), session->runtime(), Out(err)) != BOXLITE_OK)
    return Fail(err.get());
  if (format == OutputFormat::kJson) return PrintImagesJson(list.get());
  std::vector<Row> rows = {{"REFERENCE", "DIGEST", "PULLED", "SIZE"}};
  for (size_t i = 0; i < boxlite_image_list_size(list.get()); ++i) {
    const boxlite_image_info* image = boxlite_image_list_get(list.get(), i);
    if (format == OutputFormat::kQuiet) {
      std::puts(boxlite_image_info_reference(image));
    } else {
      rows.push_back(ImageRow(image));
    }
  }
  if (format == OutputFormat::kTable) PrintTable(rows);
  return 0;
}

}  // namespace boxlite::cli
