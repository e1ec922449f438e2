#include "cli/completion.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "cli/place.h"

namespace boxlite::cli {
namespace {

constexpr const char* kFiles = ":files";

void Offer(const std::string& typed, const std::string& word, const std::string& description) {
  if (word.compare(0, typed.size(), typed) != 0) return;
  std::printf(description.empty() ? "%s\n" : "%s\t%s\n", word.c_str(), description.c_str());
}

void OfferOptions(const Place& place, const std::string& typed) {
  for (const CLI::App* app = place.command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options()) {
      if (!option->nonpositional()) continue;
      for (const std::string& name : option->get_lnames())
        Offer(typed, "--" + name, option->get_description());
    }
    if (app->get_prefix_command()) return;  // It has the global ones itself.
  }
}

// One of a set says so in its description: "{auto,kvm,qemu}". Any other value may be a path.
void OfferValues(const CLI::Option& option, const std::string& typed) {
  std::string set = option.get_type_name();
  size_t open = set.find('{'), close = set.find('}');
  if (open == std::string::npos || close == std::string::npos) {
    std::puts(kFiles);
    return;
  }
  set = set.substr(open + 1, close - open - 1);
  for (const std::string& value : CLI::detail::split(set, ',')) Offer(typed, value, "");
}

void OfferBoxes(boxlite_runtime* runtime, const std::string& typed) {
  BoxListHandle list;
  if (boxlite_box_list_create(Out(list), runtime, nullptr) != BOXLITE_OK) return;
  for (size_t i = 0; i < boxlite_box_list_size(list.get()); ++i) {
    const boxlite_box_info* box = boxlite_box_list_get(list.get(), i);
    const char* name = boxlite_box_info_name(box);
    Offer(typed, *name != '\0' ? name : boxlite_box_info_id(box),
          boxlite_box_state_name(boxlite_box_info_state(box)));
  }
}

void OfferImages(boxlite_runtime* runtime, const std::string& typed) {
  constexpr std::string_view kLibrary = "docker.io/library/";
  ImageListHandle list;
  if (boxlite_image_list_create(Out(list), runtime, nullptr) != BOXLITE_OK) return;
  for (size_t i = 0; i < boxlite_image_list_size(list.get()); ++i) {
    std::string name = boxlite_image_info_reference(boxlite_image_list_get(list.get(), i));
    bool official = name.compare(0, kLibrary.size(), kLibrary) == 0;
    Offer(typed, official ? name.substr(kLibrary.size()) : name, "");
  }
}

// The synopsis names them: "[OPTIONS] BOX COMMAND [ARGUMENT...]". The last one repeats where it
// ends with dots.
std::string KindOfPositional(const Program& program, const Place& place) {
  std::vector<std::string> kinds;
  bool repeats = false;
  for (std::string word : CLI::detail::split(program.synopsis(*place.command), ' ')) {
    if (word == "[OPTIONS]") continue;
    repeats = word.find("...") != std::string::npos;
    word.erase(std::remove_if(word.begin(), word.end(),
                              [](char c) { return c == '[' || c == ']' || c == '.'; }),
               word.end());
    kinds.push_back(word);
  }
  if (place.positional < kinds.size()) return kinds[place.positional];
  return repeats ? kinds.back() : "";
}

const CLI::Option* PositionalAt(const Place& place) {
  auto options = place.command->get_options(
      [](const CLI::Option* option) { return option->get_positional(); });
  return place.positional < options.size() ? options[place.positional] : nullptr;
}

void OfferPositional(const Program& program, const Place& place, const std::string& typed) {
  if (place.positional == 0) {
    for (const CLI::App* command : place.command->get_subcommands({}))
      Offer(typed, command->get_name(), command->get_description());
  }
  std::string kind = KindOfPositional(program, place);
  bool boxes = kind.find("BOX") != std::string::npos;
  bool images = kind.find("IMAGE") != std::string::npos;
  if (boxes || images) {
    GlobalOptions global;
    global.home = place.home;
    std::unique_ptr<Session> session = Session::Open(global);
    if (session && boxes) OfferBoxes(session->runtime(), typed);
    if (session && images) OfferImages(session->runtime(), typed);
  }
  if (const CLI::Option* option = PositionalAt(place); option != nullptr && !boxes && !images) {
    OfferValues(*option, typed);
  } else if (kind.find("PATH") != std::string::npos || place.command->get_prefix_command()) {
    std::puts(kFiles);
  }
}

}  // namespace

int Complete(const Program& program, const std::vector<std::string>& words) {
  Place place{&program.app()};
  if (words.empty()) return kExitFailure;
  for (size_t i = 0; i + 1 < words.size(); ++i) place.Step(words[i]);
  const std::string& typed = words.back();
  if (place.value_of != nullptr) {
    OfferValues(*place.value_of, typed);
  } else if (!typed.empty() && typed.front() == '-' && !place.options_over) {
    OfferOptions(place, typed);
  } else {
    OfferPositional(program, place, typed);
  }
  return 0;
}

}  // namespace boxlite::cli
