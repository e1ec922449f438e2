// Challenges: what a server's WWW-Authenticate header asks for (RFC 9110, section 11).
//
//   Bearer realm="https://auth.example/token",service="example",scope="repository:a:pull", Basic
//
// One header may hold several, and commas part challenges as well as their parameters: a word
// followed by "=" is a parameter, any other begins a challenge. Everything in it is a stranger's:
// what goes beyond the bounds, or is not in this form, ends the reading, and what stood before it
// counts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace boxlite::image {

constexpr size_t kMaxChallengeHeader = 8 * 1024;
constexpr size_t kMaxChallenges = 8;
constexpr size_t kMaxChallengeParameters = 16;  // of one challenge

struct Challenge {
  struct Parameter {
    std::string name;  // lower case
    std::string value;
  };
  std::string scheme;  // lower case
  std::vector<Parameter> parameters;

  // The first parameter of that name; empty where there is none.
  std::string Value(std::string_view name) const;
};

std::vector<Challenge> ParseChallenges(std::string_view header);

// The first of that scheme (lower case); null where there is none. `challenges` outlive it.
const Challenge* FindChallenge(const std::vector<Challenge>& challenges, std::string_view scheme);

}  // namespace boxlite::image
