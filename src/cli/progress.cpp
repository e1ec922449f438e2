#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace boxlite::cli {
namespace {

const char* PhaseName(boxlite_phase phase) {
  switch (phase) {
    case BOXLITE_PHASE_RESOLVE:
      return "resolving";
    case BOXLITE_PHASE_FETCH:
      return "fetching";
    case BOXLITE_PHASE_CONVERT:
      return "converting";
    default:
      return "done";
  }
}

std::string Describe(const boxlite_progress& progress) {
  std::string text = PhaseName(progress.phase);
  if (progress.layers_total > 0) {
    text += ", " + std::to_string(progress.layers_done) + "/" +
            std::to_string(progress.layers_total) + " layers";
  }
  if (progress.bytes_total > 0)
    text += ", " + HumanSize(progress.bytes_done) + " of " + HumanSize(progress.bytes_total);
  return text;
}

// "[#####.....]", from what is known of how much there is to do.
std::string Bar(const boxlite_progress& progress) {
  constexpr uint64_t kWidth = 20;
  uint64_t total = progress.bytes_total, done = progress.bytes_done;
  if (total == 0) total = progress.layers_total, done = progress.layers_done;
  if (total == 0) return "";
  auto filled = static_cast<size_t>(kWidth * std::min(done, total) / total);
  return " [" + std::string(filled, '#') + std::string(kWidth - filled, '.') + "]";
}

}  // namespace

std::string HumanSize(uint64_t bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

ProgressLine::ProgressLine(std::string subject)
    : subject_(std::move(subject)), terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressLine::~ProgressLine() {
  if (terminal_ && shown_) std::fputs("\r\033[K", stderr);
}

void ProgressLine::Show(const boxlite_progress& progress) {
  // An image that was there all along is nobody's news.
  if (progress.phase == BOXLITE_PHASE_DONE && !shown_) return;
  if (terminal_) {
    std::fprintf(stderr, "\r\033[K%s:%s %s", subject_.c_str(), Bar(progress).c_str(),
                 Describe(progress).c_str());
    shown_ = true;
  } else if (!shown_ || progress.phase != phase_) {
    std::fprintf(stderr, "%s: %s\n", subject_.c_str(), PhaseName(progress.phase));
    shown_ = true;
  }
  phase_ = progress.phase;
}

}  // namespace boxlite::cli
