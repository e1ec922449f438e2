#include "image/challenge.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

namespace boxlite::image {
namespace {

bool IsTokenChar(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         kMarks.find(c) != std::string_view::npos;
}

// What token68 has beside a token's characters: "Negotiate YII/abc==".
bool IsToken68Char(char c) {
  return IsTokenChar(c) || c == '/' || c == '=';
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  void SkipSpace() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t'))
      rest_.remove_prefix(1);
  }
  void SkipSeparators() {
    for (SkipSpace(); Take(','); SkipSpace()) {
    }
  }
  bool Take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string Token() { return std::string(TakeWhile(IsTokenChar)); }
  std::string_view Rest() const { return rest_; }
  void Return(std::string_view rest) { rest_ = rest; }

  // A word without parameters after a scheme, up to a comma or the end; taken only where it is one.
  void SkipToken68() {
    std::string_view before = rest_;
    bool some = !TakeWhile(IsToken68Char).empty();
    SkipSpace();
    if (!some || (!rest_.empty() && rest_.front() != ',')) rest_ = before;
  }
  // A parameter's value; nothing where it is in no form.
  std::optional<std::string> Value() {
    if (!Take('"')) {
      std::string token = Token();
      if (token.empty()) return std::nullopt;
      return token;
    }
    std::string value;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return std::nullopt;
      value += rest_.front();
      rest_.remove_prefix(1);
    }
    if (!Take('"')) return std::nullopt;
    return value;
  }

 private:
  std::string_view TakeWhile(bool (*belongs)(char)) {
    size_t count = 0;
    while (count < rest_.size() && belongs(rest_[count])) ++count;
    std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
};

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

enum class Read { kParameter, kNone, kBroken };

// "name = value"; what is not that is left where it is.
Read ReadParameter(Scanner& scanner, Challenge& challenge) {
  std::string_view before = scanner.Rest();
  std::string name = scanner.Token();
  scanner.SkipSpace();
  if (name.empty() || !scanner.Take('=')) {
    scanner.Return(before);
    return Read::kNone;
  }
  scanner.SkipSpace();
  if (scanner.Rest().empty() || scanner.Rest().front() == '=' || scanner.Rest().front() == ',') {
    scanner.Return(before);  // A token68 with its padding.
    return Read::kNone;
  }
  std::optional<std::string> value = scanner.Value();
  if (!value || challenge.parameters.size() == kMaxChallengeParameters) return Read::kBroken;
  challenge.parameters.push_back({Lower(std::move(name)), std::move(*value)});
  return Read::kParameter;
}

}  // namespace

std::string Challenge::Value(std::string_view name) const {
  for (const Parameter& parameter : parameters)
    if (parameter.name == name) return parameter.value;
  return {};
}

std::vector<Challenge> ParseChallenges(std::string_view header) {
  std::vector<Challenge> challenges;
  Scanner scanner(header.substr(0, kMaxChallengeHeader));
  for (;;) {
    scanner.SkipSeparators();
    Challenge challenge;
    challenge.scheme = Lower(scanner.Token());
    if (challenge.scheme.empty() || challenges.size() == kMaxChallenges) return challenges;
    scanner.SkipSpace();
    // Parameters are tried first: "realm=x" would be a token68 as well.
    Read read = ReadParameter(scanner, challenge);
    if (read == Read::kNone) scanner.SkipToken68();
    while (read == Read::kParameter) {
      scanner.SkipSeparators();
      read = ReadParameter(scanner, challenge);
    }
    challenges.push_back(std::move(challenge));
    if (read == Read::kBroken) return challenges;
  }
}

const Challenge* FindChallenge(const std::vector<Challenge>& challenges, std::string_view scheme) {
  auto found = std::find_if(challenges.begin(), challenges.end(),
                            [scheme](const Challenge& one) { return one.scheme == scheme; });
  return found == challenges.end() ? nullptr : &*found;
}

}  // namespace boxlite::image
