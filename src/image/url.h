// URLs, by libcurl's parser, which is the one that acts on them.
#pragma once

#include <string>

#include "base/result.h"

namespace boxlite::image {

struct Url {
  std::string scheme;  // lower case
  std::string host;    // an IPv6 address in brackets
  std::string port;    // as written; empty: the scheme's
  std::string path;    // begins with "/"
  std::string query;   // without "?"
  std::string username, password;

  // kInvalidArgument without the text: it may hold a password.
  static Result<Url> Parse(const std::string& text);
  // What `location` (a Location header) means where `base` was asked for.
  static Result<Url> Resolve(const std::string& base, const std::string& location);

  std::string Origin() const;  // "https://host:port"
  // To be asked for: with path and query, without user and password.
  std::string Text() const;
};

bool IsHttps(const std::string& url);
// Scheme, host and port of a URL of ours, for messages.
std::string HostOf(const std::string& url);
// What a message may show: without the query, in which signatures stand.
std::string Shown(const std::string& url);
// What may stand in a query.
std::string Escaped(std::string_view text);

}  // namespace boxlite::image
