#include "image/registry_client.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "image/challenge.h"
#include "image/hash.h"
#include "image/limits.h"
#include "image/retry.h"
#include "image/url.h"
#include "json/json.h"

namespace boxlite::image {
namespace {

constexpr const char* kManifestTypes =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";
constexpr size_t kMaxTokenAnswer = 256 * kKib;
constexpr size_t kMaxShownMessage = 300;

// What a registry says about a refusal: {"errors": [{"message": …}]}.
std::string MessageIn(const std::string& body) {
  Result<json::Value> root = json::Parse(body, body.size());
  if (!root.ok()) return {};
  Result<std::string> message = root.value()["errors"].At(0).Text("message", "");
  if (!message.ok() || message.value().empty()) return {};
  return " (" + Printable(message.value().substr(0, kMaxShownMessage)) + ")";
}

Result<std::string> TokenIn(const std::string& body) {
  json::Value root = BOXLITE_TRY(json::Parse(body, kMaxTokenAnswer));
  std::string token = BOXLITE_TRY(root.Text("token", ""));
  if (token.empty()) token = BOXLITE_TRY(root.Text("access_token", ""));
  // What a header cannot carry must not get into one.
  bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (token.empty() || !printable) return Error(Code::kNetwork, "there is none");
  return token;
}

}  // namespace

std::string RegistryClient::Url(const char* kind, const std::string& selector) const {
  return location_.registry.Url() + "/v2/" + location_.repository + "/" + kind + "/" + selector;
}

Error RegistryClient::Refused(const HttpResponse& response, const std::string& what) const {
  std::string host = CredentialHost(location_.registry.host);
  std::string said = "registry " + location_.registry.Url() + " ";
  std::string status = "; it answered " + std::to_string(response.status) + what;
  if (!access_.problem.empty())
    return Error(Code::kPermission,
                 said + "does not give " + location_.repository +
                     " to everybody, and its credentials cannot be read (" + access_.problem + ")" +
                     status,
                 access_.hint.empty() ? "log in again: docker login " + host : access_.hint);
  if (access_.account.anonymous())
    return Error(
        Code::kPermission,
        said + "does not give " + location_.repository + " to everybody, or does not have it" +
            status,
        "check the name; where the image is not for everybody, log in: docker login " + host);
  return Error(
      Code::kPermission,
      said + "does not give " + location_.repository + " to the account of " +
          access_.account.source + ", or does not have it" + status,
      "check the name and what the account may read, or log in again: docker login " + host);
}

Error RegistryClient::StatusError(const HttpResponse& response, const std::string& url) const {
  std::string said = "registry " + location_.registry.Url();
  std::string answered = MessageIn(response.error_body) + ": " + Shown(url);
  std::string status = std::to_string(response.status);
  if (response.status == 404)
    return Error(Code::kNotFound, said + " does not have " + location_.repository + answered);
  if (response.status == 401 || response.status == 403) return Refused(response, answered);
  if (response.status == 407)
    return Error(Code::kNetwork, said + ": the proxy asks who we are" + answered,
                 "write user and password into HTTP_PROXY or HTTPS_PROXY");
  if (response.status != 429)
    return Error(Code::kNetwork, said + " answered " + status + answered, "try again");
  std::string wait = "try again later";
  if (response.retry_after_ms >= 0)
    wait = "try again in " + std::to_string(response.retry_after_ms / 1000) + " s";
  return Error(Code::kNetwork, said + " asks for fewer requests" + answered,
               wait + ", log in where that raises the limit, or name a mirror in config.json");
}

Result<HttpRequest> RegistryClient::TokenRequest(const Challenge& challenge,
                                                 const HttpResponse& response) const {
  HttpRequest request;
  request.url = challenge.Value("realm");
  bool plain_allowed = location_.registry.transport == oci::Transport::kHttp;
  Result<image::Url> realm = image::Url::Parse(request.url);
  bool usable = realm.ok() && (realm.value().scheme == "https" ||
                               (plain_allowed && realm.value().scheme == "http"));
  if (!usable) return StatusError(response, location_.Url());
  request.url = realm.value().Text();
  request.time_ms = http_.limits().document_ms;
  std::string scope = challenge.Value("scope");
  if (scope.empty()) scope = "repository:" + location_.repository + ":pull";
  std::string query = "service=" + Escaped(challenge.Value("service")) + "&scope=" + Escaped(scope);
  const Account& account = access_.account;
  if (!account.identity_token.empty()) {
    request.form = "grant_type=refresh_token&client_id=boxlite&" + query +
                   "&refresh_token=" + Escaped(account.identity_token);
    return request;
  }
  request.url += (realm.value().query.empty() ? '?' : '&') + query;
  request.authorization = {{}, account.username, account.password};
  return request;
}

Result<void> RegistryClient::Authorize(const HttpResponse& response) {
  std::vector<Challenge> challenges = ParseChallenges(response.authenticate);
  const Challenge* bearer = FindChallenge(challenges, "bearer");
  const Account& account = access_.account;
  if (bearer == nullptr) {
    bool basic = FindChallenge(challenges, "basic") != nullptr;
    if (!basic || account.username.empty()) return StatusError(response, location_.Url());
    authorization_ = {{}, account.username, account.password};
    return {};
  }
  HttpRequest request = BOXLITE_TRY(TokenRequest(*bearer, response));
  std::string body;
  HttpResponse answer = BOXLITE_TRY(GetPatiently(request, kMaxTokenAnswer, body));
  if (answer.status != 200) return StatusError(answer, request.url);
  Result<std::string> token = TokenIn(body);
  if (!token.ok())
    return Error(Code::kNetwork, "registry " + location_.registry.Url() + ": " +
                                     Shown(request.url) + " did not answer with a token");
  authorization_ = {token.TakeValue(), {}, {}};
  return {};
}

Result<HttpResponse> RegistryClient::GetPatiently(const HttpRequest& request, size_t limit,
                                                  std::string& body) {
  Retry retry(http_.limits().attempts);
  HttpRequest next = request;
  for (;;) {
    HttpOutcome outcome = http_.Get(next, limit, body);
    std::optional<int64_t> delay_ms = retry.DelayAfter(outcome);
    if (!delay_ms) return std::move(outcome.response);
    next.delay_ms = *delay_ms;
  }
}

Result<HttpResponse> RegistryClient::Get(const std::string& url, const std::string& accept,
                                         std::string& body) {
  HttpRequest request;
  request.url = url;
  request.accept = accept;
  request.time_ms = http_.limits().document_ms;
  request.authorization = authorization_;
  HttpResponse response = BOXLITE_TRY(GetPatiently(request, kMaxManifestBytes, body));
  if (response.status == 401) {
    BOXLITE_TRY(Authorize(response));
    request.authorization = authorization_;
    response = BOXLITE_TRY(GetPatiently(request, kMaxManifestBytes, body));
  }
  if (response.status != 200) return StatusError(response, url);
  return response;
}

Result<FetchedManifest> RegistryClient::GetManifest(const std::string& selector) {
  FetchedManifest out;
  std::string url = Url("manifests", selector);
  HttpResponse response = BOXLITE_TRY(Get(url, kManifestTypes, out.text));
  out.media_type = response.content_type;
  oci::Digest found = DigestOf(out.text);
  for (const std::string& said : {selector, response.digest}) {
    Result<oci::Digest> expected = oci::Digest::Parse(said);
    if (expected.ok() && expected.value() != found)
      return Error(Code::kImage, "manifest " + expected.value().Text() + " came with the digest " +
                                     found.Text() + ": " + url);
  }
  return out;
}

Result<std::string> RegistryClient::GetSmallBlob(const Descriptor& blob) {
  std::string body;
  BOXLITE_TRY(Get(Url("blobs", blob.digest.Text()), {}, body));
  if (body.size() < blob.size)
    return Error(Code::kNetwork,
                 "blob " + blob.digest.Text() + " ended after " + std::to_string(body.size()) +
                     " of " + std::to_string(blob.size) + " bytes",
                 "try again");
  return body;
}

}  // namespace boxlite::image
