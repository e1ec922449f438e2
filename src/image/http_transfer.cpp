#include "image/http_transfer.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/clock.h"
#include "image/challenge.h"
#include "image/limits.h"
#include "image/url.h"

namespace boxlite::image {
namespace {

constexpr int kMaxRedirects = 5;
constexpr long kReceiveBuffer = 128 * kKib;
constexpr long kSlowest = kKib;  // bytes a second; less is none
constexpr size_t kMaxErrorBody = 16 * kKib;
constexpr size_t kMaxHeaders = 256 * kKib;  // of one answer, all together
constexpr size_t kMaxHeaderValue = 8 * kKib;

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

// Retry-After: seconds, or a date. Negative: neither.
int64_t RetryAfterMs(const std::string& value) {
  bool number =
      !value.empty() && value.size() <= 9 &&
      std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (number) return std::stoll(value) * 1000;
  time_t at = curl_getdate(value.c_str(), nullptr);
  if (at < 0) return -1;
  return std::max<int64_t>(int64_t{at} * 1000 - RealtimeMs(), 0);
}

bool IsRedirect(long status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Again AgainAfter(CURLcode code) {
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_OUT_OF_MEMORY:
      return Again::kNo;
    // What is away, or silent, mostly stays so for longer than anybody wants to wait.
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_OPERATION_TIMEDOUT:
      return Again::kSeldom;
    default:
      return Again::kYes;
  }
}

std::string HintFor(CURLcode code, const std::string& url) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return "check the registry's name and this machine's name service";
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "check the environment variables HTTP_PROXY and HTTPS_PROXY";
    case CURLE_COULDNT_CONNECT:
      return "check that the registry runs and that its address is right";
    case CURLE_OPERATION_TIMEDOUT:
      return "try again; \"fetch\" in config.json has the time limits";
    case CURLE_SSL_CONNECT_ERROR:
      return "where the registry speaks plain http, name it as http://" + HostOf(url).substr(8) +
             " in image_registries";
    case CURLE_PEER_FAILED_VERIFICATION:
      return "the registry's certificate is not trusted by this machine; where it should be, name "
             "the file of its authority as \"ca\" of the registry in config.json";
    default:
      return "try again";
  }
}

}  // namespace

void Http::Transfer::Clear() {
  curl_slist_free_all(std::exchange(headers_, nullptr));
  curl_easy_cleanup(std::exchange(easy_, nullptr));
}

Result<CURL*> Http::Transfer::Prepare() {
  Clear();
  easy_ = curl_easy_init();
  if (easy_ == nullptr) return Error(Code::kResourceExhausted, "no memory for libcurl");
  header_bytes_ = 0;
  text_[0] = 0;
  curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, text_);
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "boxlite-image");
  PrepareHeaders();
  PrepareAuthorization();
  PrepareLimits();
  PrepareRoute();
  return easy_;
}

void Http::Transfer::PrepareHeaders() {
  if (!request_.accept.empty())
    headers_ = curl_slist_append(headers_, ("Accept: " + request_.accept).c_str());
  if (request_.from > 0)
    headers_ = curl_slist_append(headers_,
                                 ("Range: bytes=" + std::to_string(request_.from) + "-").c_str());
  curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, headers_);
  if (!request_.form.empty()) curl_easy_setopt(easy_, CURLOPT_POSTFIELDS, request_.form.c_str());
}

void Http::Transfer::PrepareAuthorization() {
  const Authorization& as = request_.authorization;
  if (!as.bearer.empty()) {
    curl_easy_setopt(easy_, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(easy_, CURLOPT_XOAUTH2_BEARER, as.bearer.c_str());
  } else if (!as.username.empty()) {
    curl_easy_setopt(easy_, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy_, CURLOPT_USERNAME, as.username.c_str());
    curl_easy_setopt(easy_, CURLOPT_PASSWORD, as.password.c_str());
  }
}

void Http::Transfer::PrepareLimits() {
  const FetchLimits& limits = settings_.limits;
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, IsHttps(request_.url) ? "https" : "http");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect_ms));
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, kSlowest);
  curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME, static_cast<long>((limits.idle_ms + 999) / 1000));
  curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.time_ms));
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_NETRC, CURL_NETRC_IGNORED);
}

// Through which proxy, and whom to trust at the end of it.
void Http::Transfer::PrepareRoute() {
  const Proxy& proxy = settings_.proxies.For(request_.url);
  curl_easy_setopt(easy_, CURLOPT_PROXY, proxy.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_NOPROXY, settings_.proxies.exempt.c_str());
  if (!proxy.username.empty()) {
    curl_easy_setopt(easy_, CURLOPT_PROXYUSERNAME, proxy.username.c_str());
    curl_easy_setopt(easy_, CURLOPT_PROXYPASSWORD, proxy.password.c_str());
  }
  const std::string* authorities = &settings_.default_authorities;
  size_t scheme = request_.url.find("://");
  auto own = settings_.authorities.find(HostOf(request_.url).substr(scheme + 3));
  if (own != settings_.authorities.end()) authorities = &own->second;
  if (authorities->empty()) return;
  // The settings outlive the handle.
  curl_blob blob{const_cast<char*>(authorities->data()), authorities->size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(easy_, CURLOPT_CAINFO_BLOB, &blob);
}

size_t Http::Transfer::OnHeader(char* data, size_t size, size_t count, void* self) noexcept {
  return static_cast<Transfer*>(self)->Header({data, size * count}) ? size * count : 0;
}

size_t Http::Transfer::OnBody(char* data, size_t size, size_t count, void* self) noexcept {
  ByteSpan bytes = AsBytes({data, size * count});
  return static_cast<Transfer*>(self)->Body(bytes) ? bytes.size() : CURL_WRITEFUNC_ERROR;
}

bool Http::Transfer::Header(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaders) {
    failure_ = Error(Code::kNetwork, Server() + ": the headers of its answer are longer than " +
                                         std::to_string(kMaxHeaders) + " bytes");
    return false;
  }
  // A status line begins each answer, that of a proxy and "100 Continue" as well.
  if (line.substr(0, 5) == "HTTP/") {
    response_ = HttpResponse();
    location_.clear();
  }
  size_t colon = line.find(':');
  if (colon == std::string_view::npos) return true;
  std::string name = Lower(line.substr(0, colon));
  std::string value(Trim(line.substr(colon + 1)).substr(0, kMaxHeaderValue));
  if (name == "content-type") response_.content_type = Lower(value.substr(0, value.find(';')));
  if (name == "content-range") response_.content_range = value;
  if (name == "docker-content-digest") response_.digest = value;
  if (name == "retry-after") response_.retry_after_ms = RetryAfterMs(value);
  if (name == "location") location_ = value;
  if (name == "www-authenticate" && response_.authenticate.size() < kMaxChallengeHeader)
    response_.authenticate += (response_.authenticate.empty() ? "" : ", ") + value;
  return true;
}

bool Http::Transfer::Body(ByteSpan bytes) {
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &response_.status);
  if (response_.status < 200 || response_.status > 299) return BodyOfRefusal(bytes);
  Result<void> taken;
  if (!std::exchange(begun_, true) && request_.begin) taken = request_.begin(response_);
  if (taken.ok()) taken = request_.body(bytes);
  if (!taken.ok()) failure_ = taken.TakeError();
  return !failure_;
}

// More of it than the beginning is not waited for.
bool Http::Transfer::BodyOfRefusal(ByteSpan bytes) {
  size_t room = kMaxErrorBody - response_.error_body.size();
  response_.error_body += AsText(bytes.first(std::min(room, bytes.size())));
  enough_ = bytes.size() > room;
  return !enough_;
}

bool Http::Transfer::Redirected(CURLcode code) {
  if ((code != CURLE_OK && !enough_) || failure_ || location_.empty()) return false;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &response_.status);
  if (!IsRedirect(response_.status)) return false;
  Result<void> followed = FollowTo(location_);
  if (!followed.ok()) failure_ = followed.TakeError();
  enough_ = false;
  return followed.ok();
}

Result<void> Http::Transfer::FollowTo(const std::string& location) {
  auto refuse = [this](const std::string& why) {
    return Error(Code::kNetwork, Server() + " redirects " + why + " (" + Shown(request_.url) + ")");
  };
  if (++redirects_ > kMaxRedirects)
    return refuse("more than " + std::to_string(kMaxRedirects) + " times");
  if (!request_.form.empty()) return refuse("a request with credentials");
  Result<Url> to = Url::Resolve(request_.url, location);
  if (!to.ok()) return refuse("to what is not a URL");
  const Url& url = to.value();
  if (url.scheme != "https" && url.scheme != "http")
    return refuse("to " + Printable(url.scheme) + ", which is neither https nor http");
  if (IsHttps(request_.url) && url.scheme != "https")
    return refuse("from https to plain http, to " + Printable(url.Origin()));
  if (url.Origin() != HostOf(request_.url)) request_.authorization = {};
  request_.url = url.Text();
  return {};
}

std::string Http::Transfer::Server() const {
  std::string now = HostOf(request_.url);
  return "registry " + asked_ + (now == asked_ ? "" : ", which sends us to " + now + ",");
}

Error Http::Transfer::NetworkError(CURLcode code) const {
  std::string why = text_[0] != 0 ? text_ : curl_easy_strerror(code);
  const Proxy& proxy = settings_.proxies.For(request_.url);
  std::string through = proxy.url.empty() ? "" : ", where " + proxy.url + " is the proxy";
  return Error(Code::kNetwork,
               Server() + ": " + Printable(why) + " (" + Shown(request_.url) + through + ")",
               HintFor(code, request_.url));
}

HttpOutcome Http::Transfer::Outcome(CURLcode code) {
  if (failure_) return {*failure_, Again::kNo};
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &response_.status);
  if (code == CURLE_OK || enough_) return {std::move(response_), Again::kNo};
  return {NetworkError(code), AgainAfter(code)};
}

}  // namespace boxlite::image
