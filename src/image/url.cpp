#include "image/url.h"

#include <curl/curl.h>

#include <cctype>
#include <memory>
#include <string_view>

namespace boxlite::image {
namespace {

using Handle = std::unique_ptr<CURLU, void (*)(CURLU*)>;

std::string Part(CURLU* handle, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(handle, part, &text, flags) != CURLUE_OK) return {};
  std::string out(text);
  curl_free(text);
  return out;
}

Url Split(CURLU* handle) {
  Url url;
  url.scheme = Part(handle, CURLUPART_SCHEME);
  url.host = Part(handle, CURLUPART_HOST);
  url.port = Part(handle, CURLUPART_PORT);
  url.path = Part(handle, CURLUPART_PATH);
  url.query = Part(handle, CURLUPART_QUERY);
  url.username = Part(handle, CURLUPART_USER, CURLU_URLDECODE);
  url.password = Part(handle, CURLUPART_PASSWORD, CURLU_URLDECODE);
  return url;
}

Result<Url> Parsed(const std::string& base, const std::string& text) {
  Handle handle(curl_url(), curl_url_cleanup);
  if (!handle) return Error(Code::kResourceExhausted, "no memory for libcurl");
  // The scheme is judged by who uses the URL.
  constexpr unsigned kFlags = CURLU_NON_SUPPORT_SCHEME;
  bool ok = base.empty() || curl_url_set(handle.get(), CURLUPART_URL, base.c_str(), 0) == CURLUE_OK;
  ok = ok && curl_url_set(handle.get(), CURLUPART_URL, text.c_str(), kFlags) == CURLUE_OK;
  if (!ok) return Error(Code::kInvalidArgument, "an address is not a URL");
  return Split(handle.get());
}

}  // namespace

Result<Url> Url::Parse(const std::string& text) {
  return Parsed({}, text);
}

Result<Url> Url::Resolve(const std::string& base, const std::string& location) {
  return Parsed(base, location);
}

std::string Url::Origin() const {
  return scheme + "://" + host + (port.empty() ? "" : ":" + port);
}

std::string Url::Text() const {
  return Origin() + path + (query.empty() ? "" : "?" + query);
}

bool IsHttps(const std::string& url) {
  return url.substr(0, 8) == "https://";
}

std::string HostOf(const std::string& url) {
  size_t start = url.find("://");
  if (start == std::string::npos) return url;
  return url.substr(0, url.find_first_of("/?#", start + 3));
}

std::string Shown(const std::string& url) {
  return url.substr(0, url.find_first_of("?#"));
}

std::string Escaped(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

}  // namespace boxlite::image
