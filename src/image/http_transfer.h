// Http::Transfer: one request of http.h, with the redirects that answer it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "image/http.h"
#include "image/url.h"

namespace boxlite::image {

class Http::Transfer {
 public:
  Transfer(const FetchSettings& settings, HttpRequest request, HttpDone done)
      : settings_(settings),
        request_(std::move(request)),
        done_(std::move(done)),
        asked_(HostOf(request_.url)) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() { Clear(); }

  // A new handle for the present URL.
  Result<CURL*> Prepare();
  int64_t delay_ms() const { return request_.delay_ms; }
  HttpDone TakeDone() { return std::move(done_); }
  // Whether the answer names another place to ask; then Prepare gives a handle for it.
  bool Redirected(CURLcode code);
  HttpOutcome Outcome(CURLcode code);

 private:
  static size_t OnHeader(char* data, size_t size, size_t count, void* self) noexcept;
  static size_t OnBody(char* data, size_t size, size_t count, void* self) noexcept;
  bool Header(std::string_view line);
  bool Body(ByteSpan bytes);
  bool BodyOfRefusal(ByteSpan bytes);
  void PrepareHeaders();
  void PrepareAuthorization();
  void PrepareLimits();
  void PrepareRoute();
  Result<void> FollowTo(const std::string& location);
  // The server for messages, and who sent us there.
  std::string Server() const;
  Error NetworkError(CURLcode code) const;
  void Clear();

  const FetchSettings& settings_;  // outlive us
  HttpRequest request_;            // its URL is the present one
  HttpDone done_;
  std::string asked_;  // the host before all redirects
  CURL* easy_ = nullptr;
  curl_slist* headers_ = nullptr;
  HttpResponse response_;
  std::string location_;  // of the present answer
  int redirects_ = 0;
  size_t header_bytes_ = 0;
  bool begun_ = false;            // request_.begin was called
  bool enough_ = false;           // of a refusal's text
  std::optional<Error> failure_;  // of the sink, or of a redirect
  char text_[CURL_ERROR_SIZE] = {};
};

}  // namespace boxlite::image
