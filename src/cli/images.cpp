#include "cli/images.h"

#include <utility>

#include "cli/progress.h"

namespace boxlite::cli {
namespace {

struct Pull {
  Completion completion;
  ProgressLine line;
  Progress progress;
  std::string name;  // reference@digest
};

void OnProgress(void* user_data, const boxlite_progress* progress) {
  auto* pull = static_cast<Pull*>(user_data);
  if (pull->progress == Progress::kShown) pull->line.Show(*progress);
}

void OnPulled(void* user_data, boxlite_status status, const boxlite_error* err,
              const boxlite_image_info* image) {
  auto* pull = static_cast<Pull*>(user_data);
  if (image != nullptr)
    pull->name =
        std::string(boxlite_image_info_reference(image)) + "@" + boxlite_image_info_digest(image);
  Completion::Done(&pull->completion, status, err);
}

int Await(Session& session, const std::string& reference, Pull& pull) {
  OperationHandle operation;
  ErrorHandle err;
  boxlite_status started = boxlite_image_pull(session.runtime(), reference.c_str(), OnProgress,
                                              OnPulled, &pull, nullptr, Out(operation), Out(err));
  return AwaitCancellable(session, started, err, pull.completion, operation.get());
}

}  // namespace

int PullImage(Session& session, const std::string& reference, Progress progress,
              std::string& pulled) {
  Pull pull{{}, ProgressLine(reference), progress, {}};
  int failed = Await(session, reference, pull);
  pulled = std::move(pull.name);
  return failed;
}

}  // namespace boxlite::cli
