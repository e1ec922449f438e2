// room: image
// What a server may send as WWW-Authenticate.
#include <cstdlib>

#include "base/bytes.h"
#include "image/challenge.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace boxlite;         // NOLINT(google-build-using-namespace)
  using namespace boxlite::image;  // NOLINT(google-build-using-namespace)
  std::vector<Challenge> challenges = ParseChallenges(AsText({data, size}));
  if (challenges.size() > kMaxChallenges) std::abort();
  for (const Challenge& challenge : challenges)
    if (challenge.scheme.empty() || challenge.parameters.size() > kMaxChallengeParameters)
      std::abort();
  return 0;
}
