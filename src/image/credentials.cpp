#include "image/credentials.h"

#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "json/json.h"

namespace boxlite::image {
namespace {

constexpr std::string_view kDockerHub = "docker.io";
constexpr const char* kDockerHubKey = "https://index.docker.io/v1/";
constexpr std::string_view kTokenUser = "<token>";  // the password is an identity token

// Errors of the JSON room may show a piece of the text.
Error Bad(const char* what) {
  return Error(Code::kConfig, what);
}

// What a header can carry.
bool IsPrintable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte >= ' ' && byte != 0x7f;
  });
}

Result<std::string> DecodeBase64(const std::string& text) {
  std::unique_ptr<EVP_ENCODE_CTX, void (*)(EVP_ENCODE_CTX*)> context(EVP_ENCODE_CTX_new(),
                                                                     EVP_ENCODE_CTX_free);
  if (!context) return Error(Code::kResourceExhausted, "no memory for libcrypto");
  EVP_DecodeInit(context.get());
  Bytes out(text.size() + 4);
  ByteSpan in = AsBytes(text);
  int count = 0;
  int last = 0;
  int done =
      EVP_DecodeUpdate(context.get(), out.data(), &count, in.data(), static_cast<int>(in.size()));
  if (done < 0 || EVP_DecodeFinal(context.get(), out.data() + count, &last) < 0)
    return Bad("\"auth\" is not base64");
  size_t size = static_cast<size_t>(count) + static_cast<size_t>(last);
  return std::string(AsText(ByteSpan(out).first(size)));
}

Result<Account> Checked(Account account) {
  if (account.username == kTokenUser) {
    account.identity_token = std::move(account.password);
    account.username.clear();
    account.password.clear();
  }
  if (account.username.find(':') != std::string::npos) return Bad("the user name has a colon");
  if (!IsPrintable(account.username) || !IsPrintable(account.password) ||
      !IsPrintable(account.identity_token))
    return Bad("the credentials have characters that a request cannot carry");
  return account;
}

Result<std::string> TextOf(const json::Value& value, const char* name) {
  Result<std::string> text = value.Text(name, "");
  if (!text.ok()) return Error(Code::kConfig, std::string("\"") + name + "\" is not a text");
  return text;
}

Result<Account> ParseEntry(const json::Value& value) {
  if (!value.is_object()) return Bad("it is not an object");
  Account account;
  account.username = BOXLITE_TRY(TextOf(value, "username"));
  account.password = BOXLITE_TRY(TextOf(value, "password"));
  account.identity_token = BOXLITE_TRY(TextOf(value, "identitytoken"));
  std::string auth = BOXLITE_TRY(TextOf(value, "auth"));
  if (auth.empty()) return Checked(std::move(account));
  std::string decoded = BOXLITE_TRY(DecodeBase64(auth));
  // Some tools pad it with NULs.
  while (!decoded.empty() && decoded.back() == '\0') decoded.pop_back();
  size_t colon = decoded.find(':');
  if (colon == std::string::npos) return Bad("\"auth\" has no colon");
  account.username = decoded.substr(0, colon);
  account.password = decoded.substr(colon + 1);
  return Checked(std::move(account));
}

// A part of a program's name.
bool IsHelperName(std::string_view name) {
  constexpr size_t kMaxLength = 100;
  return !name.empty() && name.size() <= kMaxLength &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '_' || c == '.';
         });
}

Result<std::string> ParseHelperName(const json::Value& value, const char* name) {
  std::string helper = BOXLITE_TRY(TextOf(value, name));
  if (!helper.empty() && !IsHelperName(helper))
    return Error(Code::kConfig, std::string("\"") + name + "\" is not a helper's name");
  return helper;
}

Result<std::vector<std::string>> NamesOf(const json::Value& root, const char* name) {
  Result<std::vector<std::string>> names = root[name].Names(kMaxDockerRegistries);
  if (!names.ok())
    return Error(Code::kConfig, std::string("\"") + name + "\" is not an object of at most " +
                                    std::to_string(kMaxDockerRegistries) + " members");
  return names;
}

}  // namespace

std::string CredentialHost(std::string_view key) {
  size_t scheme = key.find("://");
  if (scheme != std::string_view::npos) key.remove_prefix(scheme + 3);
  key = key.substr(0, key.find('/'));
  bool hub = key == kDockerHub || key == "index.docker.io" || key == "registry-1.docker.io";
  return std::string(hub ? kDockerHub : key);
}

std::string DockerConfig::HelperFor(const std::string& host) const {
  auto found = helpers.find(host);
  return found == helpers.end() ? store : found->second;
}

Result<DockerConfig> ParseDockerConfig(std::string_view text) {
  Result<json::Value> parsed = json::Parse(text, kMaxDockerConfig);
  if (!parsed.ok() || !parsed.value().is_object()) return Bad("it is not a JSON object");
  const json::Value& root = parsed.value();
  DockerConfig config;
  for (const std::string& key : BOXLITE_TRY(NamesOf(root, "auths"))) {
    Result<Account> account = ParseEntry(root["auths"][key]);
    if (!account.ok()) return account.TakeError().Context("auths: " + Printable(key));
    // With several keys for one host, the one in the plain form counts.
    std::string host = CredentialHost(key);
    if (!account.value().anonymous() && (host == key || config.accounts.count(host) == 0))
      config.accounts[host] = account.TakeValue();
  }
  for (const std::string& key : BOXLITE_TRY(NamesOf(root, "credHelpers"))) {
    Result<std::string> helper = ParseHelperName(root["credHelpers"], key.c_str());
    if (!helper.ok()) return helper.TakeError().Context("credHelpers");
    config.helpers[CredentialHost(key)] = helper.TakeValue();
  }
  config.store = BOXLITE_TRY(ParseHelperName(root, "credsStore"));
  return config;
}

std::string HelperQuestion(const std::string& host) {
  return host == kDockerHub ? kDockerHubKey : host;
}

Result<Account> ParseHelperAnswer(std::string_view text) {
  Result<json::Value> parsed = json::Parse(text, kMaxDockerConfig);
  if (!parsed.ok() || !parsed.value().is_object()) return Bad("its answer is not a JSON object");
  Account account;
  account.username = BOXLITE_TRY(TextOf(parsed.value(), "Username"));
  account.password = BOXLITE_TRY(TextOf(parsed.value(), "Secret"));
  return Checked(std::move(account));
}

}  // namespace boxlite::image
