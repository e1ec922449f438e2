#include "image/server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "base/clock.h"
#include "base/sys.h"

namespace boxlite::image {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr int kProgressIntervalMs = 50;
constexpr int kDeliveryMs = 5000;  // for clients that do not read
constexpr size_t kMaxClients = 64;
constexpr const char* kBuild = "boxlite-image " BOXLITE_VERSION;

}  // namespace

// One connection and the one stream that it may have open.
class Server::Client {
 public:
  explicit Client(UniqueFd socket) : socket_(std::move(socket)) {
    proto::Hello hello;
    hello.role = proto::Role::kImage;
    hello.build = kBuild;
    Send(proto::Kind::kHello, proto::kConnectionStream, proto::Encode(hello));
  }

  int fd() const { return socket_.get(); }
  bool gone() const { return !socket_; }
  bool unsent() const { return !out_.empty(); }
  uint32_t stream() const { return stream_; }  // 0: none is open
  void set_stream(uint32_t stream) { stream_ = stream; }
  bool greeted() const { return greeted_; }
  void set_greeted() { greeted_ = true; }
  proto::FrameParser& parser() { return parser_; }

  void Send(proto::Kind kind, uint32_t stream, ByteSpan payload) {
    if (gone()) return;
    proto::AppendFrame(out_, kind, stream, payload);
    Flush();
  }
  void Close(ByteSpan record) {
    if (stream_ != 0) Send(proto::Kind::kClose, std::exchange(stream_, 0), record);
  }
  void Flush();
  // Fills the parser; the end of the connection makes the client gone.
  void Receive();
  void Drop() {
    socket_.Reset();
    out_.clear();
    stream_ = 0;
  }

 private:
  UniqueFd socket_;
  proto::FrameParser parser_;
  Bytes out_;
  uint32_t stream_ = 0;
  bool greeted_ = false;
};

void Server::Client::Flush() {
  while (!out_.empty()) {
    ssize_t count = ::send(fd(), out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count < 0) return Drop();
    out_.erase(out_.begin(), out_.begin() + count);
  }
}

void Server::Client::Receive() {
  uint8_t* space = parser_.Space(kReadBytes);
  ssize_t count = ::recv(fd(), space, kReadBytes, MSG_DONTWAIT);
  if (count > 0) return parser_.Commit(static_cast<size_t>(count));
  if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
  Drop();
}

Result<std::unique_ptr<Server>> Server::Create(int control, int listening) {
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return sys::ErrnoError("create an event descriptor");
  std::unique_ptr<Server> server(new Server(std::move(wake), listening));
  server->clients_.push_back(std::make_unique<Client>(UniqueFd(control)));
  return server;
}

Server::Server(UniqueFd wake, int listening)
    : wake_(std::move(wake)), listening_(listening), progress_([this] { Wake(); }) {}

Server::~Server() = default;

void Server::Wake() {
  uint64_t one = 1;
  // Full means that a wake-up is pending already.
  [[maybe_unused]] ssize_t written = ::write(wake_.get(), &one, sizeof one);
}

void Server::Finish(Bytes record) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    finished_ = std::move(record);
  }
  Wake();
}

Result<JobRequest> Server::AwaitJob() {
  while (!request_) {
    ForgetGone();  // It may have gone before it could be greeted.
    if (clients_.empty())
      return Error(Code::kStopped, "the client went away before it said what to do");
    Step(-1);
  }
  stage_ = Stage::kRunning;
  return *request_;
}

void Server::Run() {
  while (stage_ == Stage::kRunning && AnyOpen()) {
    Step(Timeout());
    SendFound();
    TakeResult();
    SendProgress();
  }
  int64_t deadline = MonotonicMs() + kDeliveryMs;
  auto unsent = [](const auto& client) { return client->unsent(); };
  while (std::any_of(clients_.begin(), clients_.end(), unsent) && MonotonicMs() < deadline)
    Step(static_cast<int>(std::max<int64_t>(deadline - MonotonicMs(), 0)));
}

bool Server::AnyOpen() const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [](const auto& client) { return client->stream() != 0; });
}

int Server::Timeout() const {
  if (!progress_pending_) return -1;
  int64_t due = progress_sent_ms_ + kProgressIntervalMs - MonotonicMs();
  return static_cast<int>(std::clamp<int64_t>(due, 0, kProgressIntervalMs));
}

bool Server::Await(std::span<const int> fds, int64_t deadline_ms) {
  while (AnyOpen()) {
    int64_t left_ms = deadline_ms - MonotonicMs();
    if (left_ms <= 0) return false;
    if (Step(static_cast<int>(std::min<int64_t>(left_ms, INT_MAX)), fds)) return true;
  }
  return false;
}

bool Server::Step(int timeout_ms, std::span<const int> others) {
  std::vector<pollfd> polled{{wake_.get(), POLLIN, 0}};
  bool listens = listening_ >= 0 && stage_ == Stage::kRunning && clients_.size() < kMaxClients;
  polled.push_back({listens ? listening_ : -1, POLLIN, 0});
  for (const auto& client : clients_)
    polled.push_back(
        {client->fd(), static_cast<short>(client->unsent() ? POLLIN | POLLOUT : POLLIN), 0});
  size_t clients_end = polled.size();
  for (int fd : others) polled.push_back({fd, POLLIN, 0});
  if (::poll(polled.data(), polled.size(), timeout_ms) <= 0) return false;
  if (polled[0].revents != 0) {
    uint64_t count = 0;
    [[maybe_unused]] ssize_t taken = ::read(wake_.get(), &count, sizeof count);
    progress_pending_ = stage_ == Stage::kRunning;
  }
  for (size_t i = 2; i < clients_end; ++i)
    if (polled[i].revents != 0) ServeClient(*clients_[i - 2], polled[i].revents);
  ForgetGone();
  if (polled[1].revents != 0) Accept();
  return std::any_of(polled.begin() + static_cast<ptrdiff_t>(clients_end), polled.end(),
                     [](const pollfd& other) { return other.revents != 0; });
}

void Server::ForgetGone() {
  clients_.erase(std::remove_if(clients_.begin(), clients_.end(),
                                [](const auto& client) { return client->gone(); }),
                 clients_.end());
}

void Server::Accept() {
  UniqueFd socket(::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket) clients_.push_back(std::make_unique<Client>(std::move(socket)));
}

void Server::ServeClient(Client& client, short events) {
  if ((events & POLLOUT) != 0) client.Flush();
  if ((events & ~POLLOUT) == 0 || client.gone()) return;
  client.Receive();
  while (!client.gone()) {
    Result<std::optional<proto::Frame>> frame = client.parser().Next();
    if (!frame.ok()) return client.Drop();
    if (!frame.value()) return;
    Handle(client, *frame.value());
  }
}

void Server::Handle(Client& client, const proto::Frame& frame) {
  uint32_t stream = frame.header.stream;
  if (frame.header.kind == proto::Kind::kHello) return HandleHello(client, frame.payload);
  if (!client.greeted()) return client.Drop();
  switch (frame.header.kind) {
    case proto::Kind::kOpen:
      return HandleOpen(client, frame);
    case proto::Kind::kCancel:
      if (stream != 0 && stream == client.stream())
        client.Close(proto::Encode(proto::Closed{
            proto::ToRecord(Error(Code::kCancelled, "the operation was cancelled"))}));
      return;
    case proto::Kind::kData:
    case proto::Kind::kEnd:
    case proto::Kind::kCredit:
    case proto::Kind::kEvent:
      return;
    default:
      uint8_t header[proto::kHeaderSize];
      proto::StoreHeader(frame.header, header);
      return client.Send(proto::Kind::kUnsupported, stream, header);
  }
}

void Server::HandleHello(Client& client, ByteSpan payload) {
  Result<proto::Hello> hello = proto::Decode<proto::Hello>(payload);
  if (!hello.ok() || !proto::NegotiateVersion(proto::Hello(), hello.value()).ok())
    return client.Drop();
  client.set_greeted();
}

void Server::HandleOpen(Client& client, const proto::Frame& frame) {
  uint32_t stream = frame.header.stream;
  if (stream == 0) return client.Drop();
  auto refuse = [&client, stream](const Error& error) {
    client.Send(proto::Kind::kRefuse, stream, proto::Encode(proto::ToRecord(error)));
  };
  Result<JobRequest> request = DecodeJob(frame.payload);
  if (!request.ok()) return refuse(request.error());
  if (client.stream() != 0)
    return refuse(Error(Code::kBusy, "this connection waits for its job already"));
  if (!request_) {
    request_ = request.TakeValue();
  } else if (request_->index() != request.value().index()) {
    return refuse(Error(Code::kBusy, "boxlite-image is at another kind of job"));
  }
  client.set_stream(stream);
  client.Send(proto::Kind::kAccept, stream, proto::Encode(proto::Accepted()));
  if (result_) return client.Close(*result_);
  client.Send(proto::Kind::kEvent, stream, proto::Encode(progress_.Latest()));
  if (found_) client.Send(proto::Kind::kEvent, stream, *found_);
}

void Server::SendFound() {
  std::shared_ptr<const Bytes> found = progress_.LatestFound();
  if (found == found_ || found->size() > proto::kMaxRecordPayload) return;
  found_ = std::move(found);
  for (const auto& client : clients_)
    if (client->stream() != 0) client->Send(proto::Kind::kEvent, client->stream(), *found_);
}

void Server::TakeResult() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!finished_) return;
    result_ = std::exchange(finished_, std::nullopt);
  }
  Bytes latest = proto::Encode(progress_.Latest());
  for (const auto& client : clients_) {
    if (client->stream() == 0) continue;
    client->Send(proto::Kind::kEvent, client->stream(), latest);
    client->Close(*result_);
  }
  stage_ = Stage::kDelivering;
}

// A client that has not read the last one gets a later one instead.
void Server::SendProgress() {
  if (!progress_pending_ || stage_ != Stage::kRunning || Timeout() > 0) return;
  progress_pending_ = false;
  progress_sent_ms_ = MonotonicMs();
  Bytes latest = proto::Encode(progress_.Latest());
  for (const auto& client : clients_)
    if (client->stream() != 0 && !client->unsent())
      client->Send(proto::Kind::kEvent, client->stream(), latest);
}

}  // namespace boxlite::image
