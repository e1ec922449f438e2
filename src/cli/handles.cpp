#include "cli/handles.h"

#include <cstdio>

namespace boxlite::cli {

int Fail(const boxlite_error* err) {
  std::fprintf(stderr, "boxlite: %s\n", boxlite_error_message(err));
  if (*boxlite_error_hint(err) != '\0') std::fprintf(stderr, "hint: %s\n", boxlite_error_hint(err));
  return kExitFailure;
}

int Fail(const char* message) {
  std::fprintf(stderr, "boxlite: %s\n", message);
  return kExitFailure;
}

}  // namespace boxlite::cli
