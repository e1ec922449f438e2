#include "oci/reference.h"

#include <algorithm>

namespace boxlite::oci {
namespace {

constexpr std::string_view kOfficial = "library/";
constexpr size_t kMaxShown = 300;  // of the text in a message

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool IsWord(char c) {
  return IsDigit(c) || IsLower(c) || IsUpper(c) || c == '_';
}

bool IsHexOrColon(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':';
}

bool IsHostLabel(std::string_view label) {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return IsWord(c) || c == '-'; }) &&
         label.find('_') == std::string_view::npos;
}

bool IsHostName(std::string_view name) {
  for (;;) {
    size_t dot = name.find('.');
    if (!IsHostLabel(name.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    name.remove_prefix(dot + 1);
  }
}

bool IsPort(std::string_view port) {
  return !port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), IsDigit);
}

// [a-z0-9]+ joined by one of . _ __ or any number of dashes.
bool IsPathComponent(std::string_view component) {
  size_t at = 0;
  for (;;) {
    size_t start = at;
    while (at < component.size() && (IsLower(component[at]) || IsDigit(component[at]))) ++at;
    if (at == start) return false;
    if (at == component.size()) return true;
    size_t separator = at;
    while (at < component.size() && component[at] == component[separator]) ++at;
    size_t length = at - separator;
    char c = component[separator];
    if (c == '-') continue;
    if (c == '_' && length <= 2) continue;
    if (c == '.' && length == 1) continue;
    return false;
  }
}

bool IsTag(std::string_view tag) {
  if (tag.empty() || tag.size() > kMaxTagLength || !IsWord(tag.front())) return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return IsWord(c) || c == '.' || c == '-'; });
}

bool LooksLikeHost(std::string_view component) {
  return component == "localhost" || component.find_first_of(".:") != std::string_view::npos ||
         std::any_of(component.begin(), component.end(), IsUpper);
}

Error Bad(std::string_view text, std::string why, std::string hint = {}) {
  std::string shown(text.substr(0, kMaxShown));
  return Error(Code::kInvalidArgument, "image reference \"" + shown + "\" " + std::move(why),
               std::move(hint));
}

// Takes "@digest" and ":tag" off the end of `rest`.
Result<void> TakeSelectors(std::string_view text, std::string_view& rest, Reference& out) {
  size_t at = rest.find('@');
  if (at != std::string_view::npos) {
    Result<Digest> digest = Digest::Parse(rest.substr(at + 1));
    if (!digest.ok())
      return digest.TakeError().Context("image reference \"" +
                                        std::string(text.substr(0, kMaxShown)) + "\"");
    out.digest = digest.TakeValue();
    rest = rest.substr(0, at);
  }
  size_t colon = rest.rfind(':');
  size_t slash = rest.rfind('/');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    out.tag = rest.substr(colon + 1);
    if (!IsTag(out.tag))
      return Bad(text,
                 "has a tag that is not a letter, digit or underscore and up to 127 of "
                 "letters, digits and _.-");
    rest = rest.substr(0, colon);
  } else if (!out.digest) {
    out.tag = kDefaultTag;
  }
  return {};
}

bool IsImageId(std::string_view path) {
  return path.size() == 2 * kSha256Size &&
         std::all_of(path.begin(), path.end(), [](char c) { return IsHexOrColon(c) && c != ':'; });
}

}  // namespace

bool IsHost(std::string_view text) {
  std::string_view name = text;
  if (!text.empty() && text.front() == '[') {
    size_t end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    std::string_view address = text.substr(1, end - 1);
    if (!std::all_of(address.begin(), address.end(), IsHexOrColon)) return false;
    std::string_view rest = text.substr(end + 1);
    return rest.empty() || (rest.front() == ':' && IsPort(rest.substr(1)));
  }
  size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    if (!IsPort(text.substr(colon + 1))) return false;
    name = text.substr(0, colon);
  }
  return IsHostName(name);
}

bool IsPath(std::string_view text) {
  for (;;) {
    size_t slash = text.find('/');
    if (!IsPathComponent(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

std::string Reference::Canonical() const {
  std::string text = host + "/" + path;
  if (!tag.empty()) text += ":" + tag;
  if (digest) text += "@" + digest.Text();
  return text;
}

Result<Reference> ParseReference(std::string_view text) {
  if (text.empty()) return Bad(text, "is empty", "name an image, such as python:slim");
  Reference out;
  std::string_view rest = text;
  BOXLITE_TRY(TakeSelectors(text, rest, out));
  size_t slash = rest.find('/');
  if (slash != std::string_view::npos && LooksLikeHost(rest.substr(0, slash))) {
    out.host = rest.substr(0, slash);
    out.host_written = true;
    rest.remove_prefix(slash + 1);
    if (!IsHost(out.host)) return Bad(text, "has a host that is not a name, address or host:port");
  }
  if (!out.host_written || out.host == "index.docker.io") out.host = kDefaultHost;
  out.written = rest;
  if (std::any_of(rest.begin(), rest.end(), IsUpper))
    return Bad(text, "has upper-case letters in its path", "write the name in lower case");
  if (!IsPath(rest))
    return Bad(text,
               "has a path that is not lower-case letters and digits joined by / . _ __ or -");
  if (!out.host_written && IsImageId(rest))
    return Bad(text, "is an identifier and not a name",
               "to name an image by digest write NAME@sha256:…");
  out.path = rest;
  if (out.host == kDefaultHost && rest.find('/') == std::string_view::npos)
    out.path = std::string(kOfficial) + out.path;
  if (out.host.size() + 1 + out.path.size() > kMaxNameLength)
    return Bad(text, "is longer than " + std::to_string(kMaxNameLength) + " characters");
  return out;
}

}  // namespace boxlite::oci
