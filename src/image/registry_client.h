// The client's half of the registry protocol (distribution, /v2/): manifests and blobs of one
// repository. Anonymous: where a registry asks for a bearer token, one is fetched without
// credentials.
//
// Thread rule: one thread.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
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

class RegistryClient {
 public:
  // `http` outlives the client.
  RegistryClient(Http& http, oci::Location location)
      : http_(http), location_(std::move(location)) {}

  // By tag or digest. kNotFound where the registry does not have it.
  Result<FetchedManifest> GetManifest(const std::string& selector);
  Result<std::string> GetSmallBlob(const Descriptor& blob);
  // All of them into `staging`, several at a time. The progress counts bytes and layers.
  Result<void> GetBlobs(const std::vector<Descriptor>& blobs, const Staging& staging,
                        Progress& progress);

 private:
  friend class BlobDownloads;
  std::string Url(const char* kind, const std::string& selector) const;
  Result<HttpResponse> Get(const std::string& url, const std::string& accept, std::string& body);
  // Fetches a token for the challenge of a 401.
  Result<void> Authorize(const HttpResponse& response);
  Error StatusError(const HttpResponse& response, const std::string& url) const;

  Http& http_;
  oci::Location location_;
  std::string token_;
};

// The parameters of a `Bearer` challenge: realm, service, scope. Empty realm: it is none.
struct BearerChallenge {
  std::string realm, service, scope;
};
BearerChallenge ParseChallenge(std::string_view header);

}  // namespace boxlite::image
