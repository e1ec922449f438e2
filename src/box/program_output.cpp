#include "box/program_output.h"

#include "base/sys.h"
#include "base/sys_socket.h"
#include "helper/spawn.h"

namespace boxlite::box {
namespace {

// A pipe's size: what it prints fits into it, so that it can end before anybody reads.
constexpr size_t kOutputLimit = 64 * 1024;

// What is there now.
Result<std::string> TakeOutput(int fd) {
  BOXLITE_TRY(sys::SetNonBlocking(fd));
  std::string output(kOutputLimit, '\0');
  size_t size = 0;
  while (size < output.size()) {
    auto count = BOXLITE_TRY(sys::ReadSome(fd, output.data() + size, output.size() - size));
    if (!count || *count == 0) break;
    size += *count;
  }
  output.resize(size);
  return output;
}

}  // namespace

Result<std::string> OutputOf(const std::string& program, const std::string& argument,
                             int timeout_ms) {
  auto pipe = BOXLITE_TRY(sys::Pipe());
  auto spawned =
      BOXLITE_TRY(helper::Spawn({program, {program, argument}, {{pipe.second.get(), 1}}}));
  pipe.second.Reset();
  if (helper::WaitForEnd(spawned, timeout_ms)) return TakeOutput(pipe.first.get());
  helper::Kill(spawned);
  return Error(Code::kEngine, program + " " + argument + " does not end");
}

}  // namespace boxlite::box
