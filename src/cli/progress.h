// A pull's progress on standard error: one line that renews itself on a terminal, a plain line for
// each phase elsewhere.
#pragma once

#include <boxlite.h>

#include <string>

namespace boxlite::cli {

class ProgressLine {
 public:
  explicit ProgressLine(std::string subject);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(const boxlite_progress& progress);

 private:
  std::string subject_;
  bool terminal_;
  bool shown_ = false;
  boxlite_phase phase_ = BOXLITE_PHASE_DONE;
};

// "12.3 MB"
std::string HumanSize(uint64_t bytes);

}  // namespace boxlite::cli
