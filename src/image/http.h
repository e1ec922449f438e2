// Http: requests over libcurl's multi interface, several at a time. What a server sends is bounded:
// time to connect, time without progress, the whole time, redirects, headers, and by the sink the
// body.
//
// Redirects are followed here and not by libcurl: what belongs to one registry (its credentials,
// the authorities that are trusted for it) ends with its host, and nothing goes from https to http.
//
// Thread rule: one thread.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "image/fetch_settings.h"

namespace boxlite::image {

// Who asks; empty: anybody.
struct Authorization {
  std::string bearer;              // token
  std::string username, password;  // where there is no token
};

struct HttpResponse {
  long status = 0;
  std::string content_type;
  std::string content_range;
  std::string digest;        // Docker-Content-Digest
  std::string authenticate;  // WWW-Authenticate, several joined by commas
  int64_t retry_after_ms = -1;
  std::string error_body;  // the beginning of an answer that is not 2xx
};

struct HttpRequest {
  std::string url;
  std::string accept;  // header; empty: any
  Authorization authorization;
  std::string form;      // urlencoded; not empty: a POST
  uint64_t from = 0;     // asks for the bytes from there on
  int64_t time_ms = 0;   // for the whole of it; 0: without limit
  int64_t delay_ms = 0;  // before it is begun
  // Before the first byte of a 2xx answer, and then its body as it comes. An error ends the
  // transfer.
  std::function<Result<void>(const HttpResponse&)> begin;
  std::function<Result<void>(ByteSpan)> body;
};

// Whether asking again may help.
enum class Again { kNo, kYes, kSeldom };

struct HttpOutcome {
  HttpOutcome(Result<HttpResponse> how, Again may) : response(std::move(how)), again(may) {}

  // kNetwork where no whole answer came; any status is a response.
  Result<HttpResponse> response;
  Again again;
};
using HttpDone = std::function<void(HttpOutcome)>;

class Http {
 public:
  // `settings` outlive the object.
  static Result<std::unique_ptr<Http>> Create(const FetchSettings& settings);
  Http(const Http&) = delete;
  Http& operator=(const Http&) = delete;
  ~Http();

  const FetchLimits& limits() const { return settings_.limits; }

  // `done` is called by Run, and may start more.
  Result<void> Start(HttpRequest request, HttpDone done);
  // Until nothing is on its way any more.
  Result<void> Run();
  // Drops what is on its way; nothing is called for it.
  void Abandon();

  // One request to its end, with the body (at most `limit` bytes) in memory.
  HttpOutcome Get(HttpRequest request, size_t limit, std::string& body);

 private:
  class Transfer;
  struct Waiting {
    std::unique_ptr<Transfer> transfer;
    int64_t due_ms;
  };

  explicit Http(const FetchSettings& settings);
  Result<void> Begin(std::unique_ptr<Transfer> transfer);
  Result<void> BeginDue();
  Result<void> Finish(CURLMsg& message);
  int WaitMs() const;

  const FetchSettings& settings_;
  CURLM* multi_ = nullptr;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers_;
  std::vector<Waiting> waiting_;  // for their time
};

}  // namespace boxlite::image
