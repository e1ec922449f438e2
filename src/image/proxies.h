// Proxies, as the user's environment names them: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY,
// in lower case as well (that counts first). This machine itself is never reached through a proxy.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace boxlite::image {

struct Proxy {
  std::string url;  // without user and password; empty: none
  std::string username, password;
};

struct Proxies {
  Proxy http, https;   // by the scheme of what is asked for
  std::string exempt;  // NO_PROXY: what libcurl takes as such

  // The proxy for a URL. NO_PROXY is libcurl's to look at.
  const Proxy& For(const std::string& url) const;
};

// kConfig names the variable and not what is in it.
Result<Proxies> ProxiesIn(const std::vector<std::string>& environment);

}  // namespace boxlite::image
