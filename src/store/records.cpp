#include "store/records.h"

namespace boxlite::store {

const char* BoxStateName(BoxState state) {
  switch (state) {
    case BoxState::kCreated:
      return "created";
    case BoxState::kStarting:
      return "starting";
    case BoxState::kRunning:
      return "running";
    case BoxState::kPaused:
      return "paused";
    case BoxState::kStopping:
      return "stopping";
    case BoxState::kStopped:
      return "stopped";
  }
  return "unknown";
}

bool IsActive(BoxState state) {
  return state != BoxState::kCreated && state != BoxState::kStopped;
}

int64_t LayerOfStep(const ImageRecord& image, size_t n) {
  if (n >= image.history.size() || image.history[n].empty_layer != 0) return -1;
  int64_t layer = 0;
  for (size_t i = 0; i < n; ++i) layer += image.history[i].empty_layer != 0 ? 0 : 1;
  return layer < static_cast<int64_t>(image.layers.size()) ? layer : -1;
}

}  // namespace boxlite::store
