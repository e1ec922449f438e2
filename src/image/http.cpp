#include "image/http.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "image/http_transfer.h"
#include "image/url.h"

namespace boxlite::image {
namespace {

constexpr int kPollMs = 1000;

}  // namespace

Http::Http(const FetchSettings& settings) : settings_(settings), multi_(curl_multi_init()) {}

Http::~Http() {
  Abandon();
  curl_multi_cleanup(multi_);
}

Result<std::unique_ptr<Http>> Http::Create(const FetchSettings& settings) {
  std::unique_ptr<Http> http(new Http(settings));
  if (http->multi_ == nullptr) return Error(Code::kResourceExhausted, "no memory for libcurl");
  return http;
}

void Http::Abandon() {
  for (auto& transfer : transfers_) curl_multi_remove_handle(multi_, transfer.first);
  transfers_.clear();
  waiting_.clear();
}

Result<void> Http::Start(HttpRequest request, HttpDone done) {
  auto transfer = std::make_unique<Transfer>(settings_, std::move(request), std::move(done));
  int64_t delay_ms = transfer->delay_ms();
  if (delay_ms == 0) return Begin(std::move(transfer));
  waiting_.push_back({std::move(transfer), MonotonicMs() + delay_ms});
  return {};
}

Result<void> Http::Begin(std::unique_ptr<Transfer> transfer) {
  CURL* easy = BOXLITE_TRY(transfer->Prepare());
  if (curl_multi_add_handle(multi_, easy) != CURLM_OK)
    return Error(Code::kInternal, "libcurl takes no more transfers");
  transfers_.emplace(easy, std::move(transfer));
  return {};
}

Result<void> Http::BeginDue() {
  int64_t now_ms = MonotonicMs();
  for (size_t i = 0; i < waiting_.size();) {
    if (waiting_[i].due_ms > now_ms) {
      ++i;
      continue;
    }
    std::unique_ptr<Transfer> transfer = std::move(waiting_[i].transfer);
    waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(i));
    BOXLITE_TRY(Begin(std::move(transfer)));
  }
  return {};
}

int Http::WaitMs() const {
  int64_t wait_ms = kPollMs;
  int64_t now_ms = MonotonicMs();
  for (const Waiting& one : waiting_) wait_ms = std::min(wait_ms, one.due_ms - now_ms);
  return static_cast<int>(std::max<int64_t>(wait_ms, 0));
}

Result<void> Http::Finish(CURLMsg& message) {
  CURL* easy = message.easy_handle;
  CURLcode code = message.data.result;
  auto found = transfers_.find(easy);
  if (found == transfers_.end()) return {};
  std::unique_ptr<Transfer> transfer = std::move(found->second);
  transfers_.erase(found);
  curl_multi_remove_handle(multi_, easy);
  if (transfer->Redirected(code)) return Begin(std::move(transfer));
  HttpDone done = transfer->TakeDone();
  HttpOutcome outcome = transfer->Outcome(code);
  transfer.reset();
  done(std::move(outcome));
  return {};
}

Result<void> Http::Run() {
  while (!transfers_.empty() || !waiting_.empty()) {
    BOXLITE_TRY(BeginDue());
    int running = 0;
    CURLMcode code = curl_multi_perform(multi_, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) BOXLITE_TRY(Finish(*message));
    }
    if (code == CURLM_OK && (!transfers_.empty() || !waiting_.empty()))
      code = curl_multi_poll(multi_, nullptr, 0, WaitMs(), nullptr);
    if (code != CURLM_OK)
      return Error(Code::kInternal, std::string("libcurl: ") + curl_multi_strerror(code));
  }
  return {};
}

HttpOutcome Http::Get(HttpRequest request, size_t limit, std::string& body) {
  std::string url = Shown(request.url);
  body.clear();
  request.body = [&body, &url, limit](ByteSpan bytes) -> Result<void> {
    if (bytes.size() > limit - body.size())
      return Error(Code::kImage, url + " is longer than " + std::to_string(limit) + " bytes");
    body += AsText(bytes);
    return {};
  };
  HttpOutcome last(Error(Code::kInternal, "a transfer was lost"), Again::kNo);
  HttpDone done = [&last](HttpOutcome outcome) { last = std::move(outcome); };
  Result<void> ran = Start(std::move(request), std::move(done));
  if (ran.ok()) ran = Run();
  if (!ran.ok()) return {ran.TakeError(), Again::kNo};
  return last;
}

}  // namespace boxlite::image
