// The client's half of the registry protocol (distribution, /v2/): manifests and blobs of one
// repository, with the credentials that there are for its registry.
//
// Who asks is told only where a registry wants to know (401): by its challenge either the name and
// the password go to itself (Basic), or to the token server that it names (Bearer), and the token
// to it. Neither goes over plain http unless the registry was named as http:// by the user.
//
// Thread rule: one thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/challenge.h"
#include "image/fetch_settings.h"
#include "image/http.h"
#include "image/manifest.h"
#include "image/progress.h"
#include "image/staging.h"
#include "oci/registry.h"

namespace boxlite::image {

struct FetchedManifest {
  std::string text;
  std::string media_type;
};

// Where blobs go.
struct BlobTarget {
  const Staging& staging;
  Trust trust;  // in those that are there
  // Called when each of them is there, or is a piece that is locked until it is.
  std::function<void()> planned;
};

class RegistryClient {
 public:
  // `http` outlives the client.
  RegistryClient(Http& http, oci::Location location, Access access)
      : http_(http), location_(std::move(location)), access_(std::move(access)) {}

  const oci::Location& location() const { return location_; }

  // By tag or digest. kNotFound where the registry does not have it.
  Result<FetchedManifest> GetManifest(const std::string& selector);
  Result<std::string> GetSmallBlob(const Descriptor& blob);
  // All of them, several at a time, but those that are there. The progress counts bytes and layers.
  Result<void> GetBlobs(const std::vector<Descriptor>& blobs, const BlobTarget& target,
                        Progress& progress);

 private:
  friend class BlobDownloads;
  std::string Url(const char* kind, const std::string& selector) const;
  Result<HttpResponse> Get(const std::string& url, const std::string& accept, std::string& body);
  // One document, tried again where that may help.
  Result<HttpResponse> GetPatiently(const HttpRequest& request, size_t limit, std::string& body);
  // Takes from the challenge of a 401 what the next request needs.
  Result<void> Authorize(const HttpResponse& response);
  Result<HttpRequest> TokenRequest(const Challenge& challenge, const HttpResponse& response) const;
  Error StatusError(const HttpResponse& response, const std::string& url) const;
  Error Refused(const HttpResponse& response, const std::string& what) const;

  Http& http_;
  oci::Location location_;
  Access access_;
  Authorization authorization_;  // of the next request; empty at first
};

}  // namespace boxlite::image
