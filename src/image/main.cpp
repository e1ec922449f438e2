// boxlite-image: one image job in a process of its own. docs/protocol.md, "Operations of
// boxlite-image", says what it is given and what it answers.
//
// Threads: the main thread serves the clients, one thread does the job (and starts a reader of its
// own for each layer). The process ends with _exit in the middle of whatever the job is doing: a
// job's output is staging until its CLOSE says otherwise.
#include <curl/curl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "image/job.h"
#include "image/lock_in.h"
#include "image/server.h"
#include "jail/jail.h"

namespace boxlite::image {
namespace {

constexpr int kLastDescriptor = 10;  // docs/protocol.md

Result<void> CloseOthers() {
  std::vector<int> keep;
  for (int fd = 0; fd <= kLastDescriptor; ++fd) keep.push_back(fd);
  return jail::CloseDescriptorsExcept(std::move(keep));
}

Result<void> Main(char** environment) {
  BOXLITE_TRY(CloseOthers());
  jail::ClearEnvironment(environment);
  Descriptors descriptors = Descriptors::Inherited();
  if (descriptors.control < 0)
    return Error(Code::kInvalidState, "boxlite-image is started by libboxlite, not by hand");
  std::unique_ptr<Server> server =
      BOXLITE_TRY(Server::Create(descriptors.control, descriptors.listening));
  JobRequest request = BOXLITE_TRY(server->AwaitJob());
  if (std::holds_alternative<proto::Fetch>(request)) curl_global_init(CURL_GLOBAL_DEFAULT);
  Result<void> locked = LockIn(request);
  if (!locked.ok()) {
    // Standard error is nowhere; the clients' CLOSE is where somebody hears of it.
    server->Finish(proto::Encode(proto::Closed{proto::ToRecord(locked.error())}));
    server->Run();
    return locked;
  }
  std::thread job([&server, &request, &descriptors] {
    server->Finish(RunJob(request, descriptors, server->progress()));
  });
  job.detach();
  server->Run();
  ::_exit(0);
}

}  // namespace
}  // namespace boxlite::image

int main(int, char**, char** environment) {
  std::signal(SIGPIPE, SIG_IGN);
  boxlite::Result<void> done = boxlite::image::Main(environment);
  std::fprintf(stderr, "boxlite-image: %s\n", done.ok() ? "ended" : done.error().message().c_str());
  return 1;
}
