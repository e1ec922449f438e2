#include "image/proxies.h"

#include <utility>

#include "image/credential_helper.h"
#include "image/url.h"

namespace boxlite::image {
namespace {

constexpr const char* kAlwaysExempt = "localhost,127.0.0.0/8,::1";

Result<Proxy> ParseProxy(const std::string& text, const std::string& name) {
  Proxy proxy;
  if (text.empty()) return proxy;
  bool has_scheme = text.find("://") != std::string::npos;
  Result<Url> url = Url::Parse(has_scheme ? text : "http://" + text);
  bool known = url.ok() && (url.value().scheme == "http" || url.value().scheme == "https" ||
                            url.value().scheme == "socks5" || url.value().scheme == "socks5h");
  if (!known)
    return Error(Code::kConfig, "the environment variable " + name + " is not a proxy's address",
                 "write [http://|https://|socks5://|socks5h://][user:password@]host[:port]");
  proxy.url = url.value().Origin();
  proxy.username = url.value().username;
  proxy.password = url.value().password;
  return proxy;
}

// The first of the variables that is set.
Result<Proxy> FirstOf(const std::vector<std::string>& environment,
                      const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    std::string value = VariableIn(environment, name);
    if (!value.empty()) return ParseProxy(value, name);
  }
  return Proxy();
}

}  // namespace

const Proxy& Proxies::For(const std::string& url) const {
  return IsHttps(url) ? https : http;
}

Result<Proxies> ProxiesIn(const std::vector<std::string>& environment) {
  Proxies proxies;
  proxies.http =
      BOXLITE_TRY(FirstOf(environment, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}));
  proxies.https =
      BOXLITE_TRY(FirstOf(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}));
  std::string exempt = VariableIn(environment, "no_proxy");
  if (exempt.empty()) exempt = VariableIn(environment, "NO_PROXY");
  // A lone star has to stay one.
  proxies.exempt = exempt == "*" ? exempt : exempt + (exempt.empty() ? "" : ",") + kAlwaysExempt;
  return proxies;
}

}  // namespace boxlite::image
