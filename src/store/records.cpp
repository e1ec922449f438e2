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

}  // namespace boxlite::store
