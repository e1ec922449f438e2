// `boxlite inspect`: everything that is known of boxes and images.
#include <memory>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/values.h"

namespace boxlite::cli {
namespace {

using json::Value;

struct InspectOptions {
  std::vector<std::string> names;
  std::string type;
  OutputOptions output;
};

std::optional<Value> Box(Session& session, const std::string& name, ErrorHandle& err) {
  BoxHandle box;
  BoxInfoHandle info;
  if (boxlite_box_get(Out(box), session.runtime(), name.c_str(), Out(err)) != BOXLITE_OK)
    return std::nullopt;
  if (boxlite_box_get_info(Out(info), box.get(), Out(err)) != BOXLITE_OK) return std::nullopt;
  return BoxValue(info.get());
}

std::optional<Value> Image(Session& session, const std::string& name, ErrorHandle& err) {
  ImageInfoHandle image;
  if (boxlite_image_get_info(Out(image), session.runtime(), name.c_str(), Out(err)) != BOXLITE_OK)
    return std::nullopt;
  return ImageDetails(image.get());
}

// Where no box has the name: what can be no image's name may have been meant for a box.
void SayNeither(const std::string& name, const boxlite_error* err) {
  boxlite_status status = boxlite_error_status(err);
  bool neither = status == BOXLITE_STATUS_NOT_FOUND || status == BOXLITE_STATUS_INVALID_ARGUMENT;
  if (neither)
    Fail(("there is neither a box nor an image " + name).c_str());
  else
    Fail(err);
}

// A box, else an image: what has that name.
std::optional<Value> Find(Session& session, const InspectOptions& options,
                          const std::string& name) {
  ErrorHandle err;
  std::optional<Value> found;
  if (options.type != "image") found = Box(session, name, err);
  bool not_found = err == nullptr || boxlite_error_status(err.get()) == BOXLITE_STATUS_NOT_FOUND;
  bool try_image = !found && options.type != "box" && not_found;
  if (try_image) found = Image(session, name, err);
  if (found) return found;
  if (try_image && options.type.empty())
    SayNeither(name, err.get());
  else
    Fail(err.get());
  return std::nullopt;
}

int Inspect(const GlobalOptions& global, const InspectOptions& options) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  std::vector<Value> values;
  int failed = ForEach(options.names, Echo::kNothing, [&](const std::string& name) {
    std::optional<Value> found = Find(*session, options, name);
    if (found) values.push_back(std::move(*found));
    return found ? 0 : kExitFailure;
  });
  Listing listing{{}, "", std::move(values)};
  OutputOptions output = options.output;
  output.json = true;
  int printed = Print(listing, output);
  return printed != 0 ? printed : failed;
}

}  // namespace

void AddInspectCommand(Program& program) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App* inspect =
      program.Add({"inspect", "Show everything about boxes or images", "[OPTIONS] BOX|IMAGE...",
                   "A name that both a box and an image have is the box's."});
  inspect->add_option("NAME", options->names, "Box (name, id or beginning of an id) or image")
      ->required();
  inspect->add_option("--type", options->type, "box or image: only that")
      ->check(CLI::IsMember({"box", "image"}));
  AddOutputOptions(inspect, options->output);
  program.OnRun(inspect, [&program, options] { return Inspect(program.global(), *options); });
}

}  // namespace boxlite::cli
