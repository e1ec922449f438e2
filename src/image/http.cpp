#include "image/http.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <utility>

#include "image/limits.h"

namespace boxlite::image {
namespace {

constexpr long kConnectTimeoutMs = 15'000;
constexpr long kIdleSeconds = 30;
constexpr long kMaxRedirects = 5;
constexpr long kReceiveBuffer = 256 * kKib;
constexpr size_t kMaxErrorBody = 16 * kKib;
constexpr size_t kMaxHeaderValue = 4 * kKib;
constexpr int kPollMs = 1000;

bool IsHttps(const std::string& url) {
  return url.substr(0, 8) == "https://";
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0)
    text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0)
    text.remove_suffix(1);
  return text;
}

std::string HintFor(CURLcode code, const std::string& url) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "check the registry's name and this machine's name service";
    case CURLE_COULDNT_CONNECT:
      return "check that the registry runs and that its address is right";
    case CURLE_SSL_CONNECT_ERROR:
      return "where the registry speaks plain http, name it as http://" + HostOf(url).substr(8) +
             " in image_registries";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "the registry's certificate is not trusted by this machine";
    default:
      return "try again";
  }
}

}  // namespace

std::string HostOf(const std::string& url) {
  size_t start = url.find("://");
  if (start == std::string::npos) return url;
  return url.substr(0, url.find('/', start + 3));
}

class Http::Transfer {
 public:
  Transfer(HttpRequest request, HttpDone done)
      : request_(std::move(request)), done_(std::move(done)) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() {
    curl_slist_free_all(headers_);
    curl_easy_cleanup(easy_);
  }

  Result<CURL*> Prepare();
  HttpDone TakeDone() { return std::move(done_); }
  Result<HttpResponse> Outcome(CURLcode code);

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self) noexcept;
  static size_t OnBody(char* data, size_t size, size_t count, void* self) noexcept;
  void Header(std::string_view line);
  bool Body(ByteSpan bytes);
  void PrepareLimits();

  HttpRequest request_;
  HttpDone done_;
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  HttpResponse response_;
  std::optional<Error> failure_;  // of the sink
  char text_[CURL_ERROR_SIZE] = {};
};

Result<CURL*> Http::Transfer::Prepare() {
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return Error(Code::kResourceExhausted, "no memory for libcurl");
  curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, text_);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "boxlite-image");
  if (!request_.accept.empty()) {
    headers_ = curl_slist_append(nullptr, ("Accept: " + request_.accept).c_str());
    curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  }
  if (!request_.bearer.empty()) {
    curl_easy_setopt(easy_, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(easy_, CURLOPT_XOAUTH2_BEARER, request_.bearer.c_str());
  }
  PrepareLimits();
  return easy_;
}

void Http::Transfer::PrepareLimits() {
  const char* schemes = IsHttps(request_.url) ? "https" : "http,https";
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, schemes);
  curl_easy_setopt(easy_, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy_, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME, kIdleSeconds);
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_NETRC, CURL_NETRC_IGNORED);
}

size_t Http::Transfer::OnHeader(char* data, size_t size, size_t count, void* self) noexcept {
  static_cast<Transfer*>(self)->Header({data, size * count});
  return size * count;
}

size_t Http::Transfer::OnBody(char* data, size_t size, size_t count, void* self) noexcept {
  ByteSpan bytes = AsBytes({data, size * count});
  return static_cast<Transfer*>(self)->Body(bytes) ? bytes.size() : CURL_WRITEFUNC_ERROR;
}

void Http::Transfer::Header(std::string_view line) {
  // A status line begins each answer, those before a redirect as well.
  if (line.substr(0, 5) == "HTTP/") response_ = HttpResponse();
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  std::string name = Lower(line.substr(0, colon));
  std::string value(Trim(line.substr(colon + 1)).substr(0, kMaxHeaderValue));
  if (name == "content-type") response_.content_type = Lower(value.substr(0, value.find(';')));
  if (name == "docker-content-digest") response_.digest = value;
  if (name == "www-authenticate") response_.authenticate = value;
}

bool Http::Transfer::Body(ByteSpan bytes) {
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &response_.status);
  if (response_.status < 200 || response_.status > 299) {
    size_t room = kMaxErrorBody - std::min(kMaxErrorBody, response_.error_body.size());
    response_.error_body += AsText(bytes.first(std::min(room, bytes.size())));
    return true;
  }
  Result<void> taken = request_.body(bytes);
  if (!taken.ok()) failure_ = taken.TakeError();
  return !failure_;
}

Result<HttpResponse> Http::Transfer::Outcome(CURLcode code) {
  if (failure_) return *failure_;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &response_.status);
  if (code == CURLE_OK) return std::move(response_);
  std::string why = text_[0] != 0 ? text_ : curl_easy_strerror(code);
  return Error(Code::kNetwork,
               "registry " + HostOf(request_.url) + ": " + why + " (" + request_.url + ")",
               HintFor(code, request_.url));
}

Http::Http() : multi_(curl_multi_init()) {}

Http::~Http() {
  Abandon();
  curl_multi_cleanup(multi_);
}

Result<std::unique_ptr<Http>> Http::Create() {
  std::unique_ptr<Http> http(new Http());
  if (http->multi_ == nullptr) return Error(Code::kResourceExhausted, "no memory for libcurl");
  return http;
}

void Http::Abandon() {
  for (auto& transfer : transfers_) curl_multi_remove_handle(multi_, transfer.first);
  transfers_.clear();
}

Result<void> Http::Start(HttpRequest request, HttpDone done) {
  auto transfer = std::make_unique<Transfer>(std::move(request), std::move(done));
  CURL* easy = BOXLITE_TRY(transfer->Prepare());
  if (curl_multi_add_handle(multi_, easy) != CURLM_OK)
    return Error(Code::kInternal, "libcurl takes no more transfers");
  transfers_.emplace(easy, std::move(transfer));
  return {};
}

Result<void> Http::Finish(CURLMsg& message) {
  CURL* easy = message.easy_handle;
  CURLcode code = message.data.result;
  auto found = transfers_.find(easy);
  if (found == transfers_.end()) return {};
  std::unique_ptr<Transfer> transfer = std::move(found->second);
  transfers_.erase(found);
  curl_multi_remove_handle(multi_, easy);
  HttpDone done = transfer->TakeDone();
  Result<HttpResponse> outcome = transfer->Outcome(code);
  transfer.reset();
  done(std::move(outcome));
  return {};
}

Result<void> Http::Run() {
  while (!transfers_.empty()) {
    int running = 0;
    CURLMcode code = curl_multi_perform(multi_, &running);
    int left = 0;
    while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) BOXLITE_TRY(Finish(*message));
    }
    if (code == CURLM_OK && !transfers_.empty())
      code = curl_multi_poll(multi_, nullptr, 0, kPollMs, nullptr);
    if (code != CURLM_OK)
      return Error(Code::kInternal, std::string("libcurl: ") + curl_multi_strerror(code));
  }
  return {};
}

Result<HttpResponse> Http::Get(HttpRequest request, size_t limit, std::string& body) {
  std::string url = request.url;
  body.clear();
  request.body = [&body, &url, limit](ByteSpan bytes) -> Result<void> {
    if (bytes.size() > limit - body.size())
      return Error(Code::kImage, url + " is longer than " + std::to_string(limit) + " bytes");
    body += AsText(bytes);
    return {};
  };
  Result<HttpResponse> response = Error(Code::kInternal, "a transfer was lost");
  BOXLITE_TRY(Start(std::move(request),
                    [&response](Result<HttpResponse> outcome) { response = std::move(outcome); }));
  BOXLITE_TRY(Run());
  return response;
}

}  // namespace boxlite::image
