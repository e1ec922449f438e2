// room: image
// docker's config.json and what a credential helper answers. What comes out of either can stand in
// a request's header.
#include <cstdlib>

#include "base/bytes.h"
#include "image/credentials.h"

namespace {

void Check(const boxlite::image::Account& account) {
  for (const std::string* text : {&account.username, &account.password, &account.identity_token})
    if (text->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace boxlite;         // NOLINT(google-build-using-namespace)
  using namespace boxlite::image;  // NOLINT(google-build-using-namespace)
  std::string_view text = AsText({data, size});
  Result<DockerConfig> config = ParseDockerConfig(text);
  if (config.ok())
    for (const auto& entry : config.value().accounts) Check(entry.second);
  Result<Account> answer = ParseHelperAnswer(text);
  if (answer.ok()) Check(answer.value());
  return 0;
}
