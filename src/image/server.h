// Server: the clients of this process. The first one's OPEN says what the job is; those that come
// later by the listening socket open with the same operation and get the same progress and the same
// CLOSE. When the last of them is gone the process ends, and with it the job.
//
// Thread rule: everything on the main thread, except Finish, which any thread may call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "image/job.h"
#include "image/progress.h"
#include "proto/frame.h"
#include "proto/messages.h"

namespace boxlite::image {

class Server {
 public:
  // `control` is the first client's connection, `listening` may be -1.
  static Result<std::unique_ptr<Server>> Create(int control, int listening);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // Serves the first client until it has opened its operation. kStopped when it goes before.
  Result<JobRequest> AwaitJob();
  // Serves until one of the descriptors can be read. False when the deadline (monotonic) has passed
  // or nobody is left to wait for the job.
  bool Await(std::span<const int> fds, int64_t deadline_ms);
  // Serves until the job's CLOSE is delivered, or nobody is left to wait for it.
  void Run();

  Progress& progress() { return progress_; }
  // The job has ended with this record. Any thread, once.
  void Finish(Bytes record);

 private:
  class Client;
  enum class Stage { kAwaitingJob, kRunning, kDelivering };

  Server(UniqueFd wake, int listening);
  void Wake();
  // Whether one of `others` can be read.
  bool Step(int timeout_ms, std::span<const int> others = {});
  int Timeout() const;
  void ForgetGone();
  void Accept();
  void ServeClient(Client& client, short events);
  void Handle(Client& client, const proto::Frame& frame);
  void HandleOpen(Client& client, const proto::Frame& frame);
  void HandleHello(Client& client, ByteSpan payload);
  void TakeResult();
  void SendFound();
  void SendProgress();
  bool AnyOpen() const;

  UniqueFd wake_;
  int listening_;
  std::vector<std::unique_ptr<Client>> clients_;
  Stage stage_ = Stage::kAwaitingJob;
  std::optional<JobRequest> request_;
  std::shared_ptr<const Bytes> found_;  // what the clients know of
  int64_t progress_sent_ms_ = 0;
  bool progress_pending_ = false;
  std::optional<Bytes> result_;

  std::mutex mutex_;               // guards finished_
  std::optional<Bytes> finished_;  // what Finish was given, until the main thread takes it
  Progress progress_;
};

}  // namespace boxlite::image
