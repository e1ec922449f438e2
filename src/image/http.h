// Http: GETs over libcurl's multi interface, several at a time. What a server sends is bounded:
// time to connect, time without a byte, redirects, headers, and by the sink the body.
//
// Thread rule: one thread.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace boxlite::image {

struct HttpRequest {
  std::string url;
  std::string accept;  // header; empty: any
  std::string bearer;  // token; empty: none. Not sent on to another host by a redirect
  // The body of a 2xx answer, as it comes. An error ends the transfer.
  std::function<Result<void>(ByteSpan)> body;
};

struct HttpResponse {
  long status = 0;
  std::string content_type;
  std::string digest;        // Docker-Content-Digest
  std::string authenticate;  // WWW-Authenticate
  std::string error_body;    // the beginning of an answer that is not 2xx
};

// kNetwork where no whole answer came; any status is a response.
using HttpDone = std::function<void(Result<HttpResponse>)>;

class Http {
 public:
  static Result<std::unique_ptr<Http>> Create();
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http();

  // `done` is called by Run, and may start more.
  Result<void> Start(HttpRequest request, HttpDone done);
  // Until nothing is on its way any more.
  Result<void> Run();
  // Drops what is on its way; nothing is called for it.
  void Abandon();

  // One GET to its end, with the body (at most `limit` bytes) in memory.
  Result<HttpResponse> Get(HttpRequest request, size_t limit, std::string& body);

 private:
  class Transfer;
  Http();
  Result<void> Finish(CURLMsg& message);

  CURLM* multi_ = nullptr;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers_;
};

// What a URL's scheme and host are, for messages.
std::string HostOf(const std::string& url);

}  // namespace boxlite::image
