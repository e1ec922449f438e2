// boxlite-image: one image job in a process of its own. docs/protocol.md, "Operations of
// boxlite-image", says what it is given and what it answers.
//
// Threads: the main thread serves the clients, one thread does the job (and starts a reader of its
// own for each layer). The process ends with _exit in the middle of whatever the job is doing: a
// job's output is staging until its CLOSE says otherwise.
#include <curl/curl.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "image/convert.h"
#include "image/fetch_settings.h"
#include "image/job.h"
#include "image/lock_in.h"
#include "image/server.h"
#include "jail/jail.h"
#include "proto/descriptors.h"

namespace boxlite::image {
namespace {

Result<void> CloseOthers() {
  std::vector<int> keep;
  for (int fd = 0; fd <= proto::kImageEnvironment; ++fd) keep.push_back(fd);
  return jail::CloseDescriptorsExcept(std::move(keep));
}

// What has to be done while this process still may open files and start programs.
Result<void> Prepare(const JobRequest& request, Descriptors& descriptors, Server& server,
                     JobInputs& inputs) {
  if (const auto* fetch = std::get_if<proto::Fetch>(&request)) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    UserFiles files{descriptors.config, descriptors.environment};
    inputs.fetch = BOXLITE_TRY(
        ReadFetchSettings(*fetch, files, [&server](std::span<const int> fds, int64_t deadline_ms) {
          return server.Await(fds, deadline_ms);
        }));
    // All the user's secrets that are not needed any more.
    if (descriptors.environment >= 0) ::close(std::exchange(descriptors.environment, -1));
    return {};
  }
  UserConfig config = BOXLITE_TRY(ReadUserConfig(descriptors.config));
  const uint64_t window_mib = config.zstd_window_mib;
  inputs.limits.zstd_window_log = static_cast<int>(std::bit_width(window_mib)) + 19;
  const auto* convert = std::get_if<proto::Convert>(&request);
  if (convert == nullptr) return {};
  if (descriptors.blobs < 0)
    return Error(Code::kInvalidState, "boxlite-image was not given the store's blobs");
  inputs.layers = BOXLITE_TRY(OpenLayers(convert->layers, {descriptors.blobs, descriptors.source}));
  return {};
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
  JobInputs inputs;
  Result<void> ready = Prepare(request, descriptors, *server, inputs);
  if (ready.ok()) ready = LockIn(request, descriptors);
  if (!ready.ok()) {
    // Standard error is nowhere; the clients' CLOSE is where somebody hears of it.
    server->Finish(proto::Encode(proto::Closed{proto::ToRecord(ready.error())}));
    server->Run();
    return ready;
  }
  std::thread job([&server, &request, &descriptors, &inputs] {
    server->Finish(RunJob(request, descriptors, inputs, server->progress()));
  });
  job.detach();
  server->Run();
  ::_exit(0);
}

}  // namespace
}  // namespace boxlite::image

int main(int, char**, char** environment) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // A file beyond the limit is an error of the write.
  boxlite::Result<void> done = boxlite::image::Main(environment);
  std::fprintf(stderr, "boxlite-image: %s\n", done.ok() ? "ended" : done.error().message().c_str());
  return 1;
}
