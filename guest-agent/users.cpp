#include "guest-agent/users.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/sys.h"
#include "guest-agent/regular_file.h"

namespace boxlite::agent {
namespace {

constexpr size_t kMaxUserFile = 8 * 1024 * 1024;
constexpr size_t kMaxGroups = 65536;  // what setgroups takes

std::optional<uint32_t> ParseId(std::string_view text) {
  uint32_t id = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), id);
  bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  // The highest number means "leave as it is" to setresuid.
  if (!whole || id == UINT32_MAX) return std::nullopt;
  return id;
}

// Takes everything before the next `separator` off the front of `rest`.
std::string_view TakeUntil(std::string_view& rest, char separator) {
  size_t at = std::min(rest.find(separator), rest.size());
  std::string_view taken = rest.substr(0, at);
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return taken;
}

template <size_t kCount>
std::array<std::string_view, kCount> Fields(std::string_view line) {
  std::array<std::string_view, kCount> fields;
  for (auto& field : fields) field = TakeUntil(line, ':');
  return fields;
}

struct User {
  std::string_view name;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string_view home;
};

std::optional<User> ParseUser(std::string_view line) {
  auto [name, password, uid, gid, comment, home] = Fields<6>(line);
  auto uid_number = ParseId(uid), gid_number = ParseId(gid);
  if (name.empty() || !uid_number || !gid_number) return std::nullopt;
  return User{name, *uid_number, *gid_number, home};
}

// By name first: a name may consist of digits.
std::optional<User> FindUser(std::string_view wanted, std::string_view passwd) {
  auto number = ParseId(wanted);
  std::optional<User> by_number;
  while (!passwd.empty()) {
    auto user = ParseUser(TakeUntil(passwd, '\n'));
    if (!user) continue;
    if (user->name == wanted) return user;
    if (number && user->uid == *number && !by_number) by_number = user;
  }
  return by_number;
}

std::optional<uint32_t> FindGroup(std::string_view wanted, std::string_view group) {
  while (!group.empty()) {
    auto [name, password, gid] = Fields<3>(TakeUntil(group, '\n'));
    if (name == wanted && ParseId(gid)) return ParseId(gid);
  }
  return ParseId(wanted);
}

bool HasMember(std::string_view members, std::string_view name) {
  while (!members.empty()) {
    if (TakeUntil(members, ',') == name) return true;
  }
  return false;
}

std::vector<gid_t> SupplementaryGroups(std::string_view user, std::string_view group) {
  std::vector<gid_t> groups;
  while (!group.empty() && groups.size() < kMaxGroups) {
    auto [name, password, gid, members] = Fields<4>(TakeUntil(group, '\n'));
    auto number = ParseId(gid);
    if (number && HasMember(members, user)) groups.push_back(*number);
  }
  return groups;
}

Error NoSuch(const char* what, std::string_view name, const char* file) {
  return Error(Code::kInvalidArgument,
               std::string(what) + " \"" + std::string(name) + "\" is not in the box's " + file,
               std::string("name one that is, or a number"));
}

// A box without the file is one without names.
Result<std::string> ReadUserFile(const char* path) {
  auto text = ReadRegularFile(path, kMaxUserFile);
  if (!text.ok() && text.error().code() == Code::kNotFound) return std::string();
  return text;
}

}  // namespace

Result<Identity> ResolveUser(std::string_view wanted, std::string_view passwd,
                             std::string_view group) {
  std::string_view group_name = wanted;
  std::string_view user_name = TakeUntil(group_name, ':');
  bool has_group = user_name.size() < wanted.size();
  if (has_group && group_name.empty()) {
    return Error(Code::kInvalidArgument,
                 "user \"" + std::string(wanted) + "\" has nothing after its colon");
  }
  if (user_name.empty()) user_name = "0";

  Identity identity;
  std::optional<User> user = FindUser(user_name, passwd);
  if (user) {
    identity.uid = user->uid;
    identity.gid = user->gid;
    if (!user->home.empty()) identity.home = user->home;
    if (!has_group) identity.groups = SupplementaryGroups(user->name, group);
  } else {
    auto number = ParseId(user_name);
    if (!number) return NoSuch("user", user_name, "/etc/passwd");
    identity.uid = *number;
    if (identity.uid == 0) identity.home = "/root";
  }
  if (has_group) {
    auto gid = FindGroup(group_name, group);
    if (!gid) return NoSuch("group", group_name, "/etc/group");
    identity.gid = *gid;
  }
  return identity;
}

std::string NameOfUser(uid_t uid, std::string_view passwd) {
  while (!passwd.empty()) {
    auto user = ParseUser(TakeUntil(passwd, '\n'));
    if (user && user->uid == uid) return std::string(user->name);
  }
  return {};
}

std::string ReadPasswd() {
  auto passwd = ReadUserFile("/etc/passwd");
  return passwd.ok() ? passwd.TakeValue() : std::string();
}

Result<Identity> LookUpUser(std::string_view wanted) {
  std::string passwd = BOXLITE_TRY(ReadUserFile("/etc/passwd"));
  std::string group = BOXLITE_TRY(ReadUserFile("/etc/group"));
  return ResolveUser(wanted, passwd, group);
}

}  // namespace boxlite::agent
