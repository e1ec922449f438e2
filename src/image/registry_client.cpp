#include "image/registry_client.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "image/hash.h"
#include "image/limits.h"
#include "json/json.h"

namespace boxlite::image {
namespace {

constexpr const char* kManifestTypes =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";
constexpr size_t kMaxTokenAnswer = 256 * kKib;
constexpr size_t kMaxShownMessage = 300;

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

// What a registry says about a refusal: {"errors": [{"message": …}]}.
std::string MessageIn(const std::string& body) {
  Result<json::Value> root = json::Parse(body, body.size());
  if (!root.ok()) return {};
  Result<std::string> message = root.value()["errors"].At(0).Text("message", "");
  if (!message.ok() || message.value().empty()) return {};
  return " (" + Printable(message.value().substr(0, kMaxShownMessage)) + ")";
}

}  // namespace

BearerChallenge ParseChallenge(std::string_view header) {
  BearerChallenge challenge;
  constexpr std::string_view kScheme = "bearer ";
  if (header.size() < kScheme.size()) return challenge;
  for (size_t i = 0; i < kScheme.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(header[i])) != kScheme[i]) return challenge;
  std::string_view rest = header.substr(kScheme.size());
  for (;;) {
    size_t equals = rest.find('=');
    if (equals == std::string_view::npos) return challenge;
    std::string_view name = rest.substr(0, equals);
    while (!name.empty() && (name.front() == ' ' || name.front() == ',')) name.remove_prefix(1);
    rest.remove_prefix(equals + 1);
    bool quoted = !rest.empty() && rest.front() == '"';
    if (quoted) rest.remove_prefix(1);
    size_t end = std::min(rest.find(quoted ? '"' : ','), rest.size());
    std::string value(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name == "realm") challenge.realm = value;
    if (name == "service") challenge.service = value;
    if (name == "scope") challenge.scope = value;
  }
}

std::string RegistryClient::Url(const char* kind, const std::string& selector) const {
  return location_.registry.Url() + "/v2/" + location_.repository + "/" + kind + "/" + selector;
}

Error RegistryClient::StatusError(const HttpResponse& response, const std::string& url) const {
  std::string said = "registry " + location_.registry.Url();
  std::string answered = MessageIn(response.error_body) + ": " + url;
  std::string status = std::to_string(response.status);
  if (response.status == 404)
    return Error(Code::kNotFound, said + " does not have " + location_.repository + answered);
  if (response.status == 401 || response.status == 403)
    return Error(Code::kPermission,
                 said + " does not give " + location_.repository +
                     " to everybody, or does not have it; it answered " + status + answered,
                 "check the name; logging in to registries is not supported yet");
  if (response.status == 429)
    return Error(Code::kNetwork, said + " asks for fewer requests" + answered,
                 "try again later, or name a mirror in image_registries");
  return Error(Code::kNetwork, said + " answered " + status + answered, "try again");
}

Result<void> RegistryClient::Authorize(const HttpResponse& response) {
  BearerChallenge challenge = ParseChallenge(response.authenticate);
  bool plain_allowed = location_.registry.transport == oci::Transport::kHttp;
  bool usable = challenge.realm.substr(0, 8) == "https://" ||
                (plain_allowed && challenge.realm.substr(0, 7) == "http://");
  if (!usable) return StatusError(response, location_.Url());
  std::string url = challenge.realm;
  url += url.find('?') == std::string::npos ? '?' : '&';
  url += "service=" + Escaped(challenge.service);
  std::string scope =
      challenge.scope.empty() ? "repository:" + location_.repository + ":pull" : challenge.scope;
  url += "&scope=" + Escaped(scope);
  std::string body;
  HttpResponse answer = BOXLITE_TRY(http_.Get({url, {}, {}, {}}, kMaxTokenAnswer, body));
  if (answer.status != 200) return StatusError(answer, url);
  Result<json::Value> root = json::Parse(body, kMaxTokenAnswer);
  std::string token;
  if (root.ok()) {
    token = BOXLITE_TRY(root.value().Text("token", ""));
    if (token.empty()) token = BOXLITE_TRY(root.value().Text("access_token", ""));
  }
  // What a header cannot carry must not get into one.
  bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (token.empty() || !printable)
    return Error(Code::kNetwork, "registry " + location_.registry.Url() + ": " + url +
                                     " did not answer with a token");
  token_ = token;
  return {};
}

Result<HttpResponse> RegistryClient::Get(const std::string& url, const std::string& accept,
                                         std::string& body) {
  HttpResponse response =
      BOXLITE_TRY(http_.Get({url, accept, token_, {}}, kMaxManifestBytes, body));
  if (response.status == 401) {
    BOXLITE_TRY(Authorize(response));
    response = BOXLITE_TRY(http_.Get({url, accept, token_, {}}, kMaxManifestBytes, body));
  }
  if (response.status != 200) return StatusError(response, url);
  return response;
}

Result<FetchedManifest> RegistryClient::GetManifest(const std::string& selector) {
  FetchedManifest out;
  std::string url = Url("manifests", selector);
  HttpResponse response = BOXLITE_TRY(Get(url, kManifestTypes, out.text));
  out.media_type = response.content_type;
  Sha256 hash;
  hash.Add(AsBytes(out.text));
  oci::Digest found = hash.FinishDigest();
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
