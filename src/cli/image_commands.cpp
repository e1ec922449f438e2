// `boxlite pull`, `images`, `rmi`, `tag` and `history`.
#include <cstdio>
#include <memory>

#include "cli/commands.h"
#include "cli/images.h"
#include "cli/output.h"
#include "cli/prune.h"
#include "cli/values.h"

namespace boxlite::cli {
namespace {

using json::Value;

constexpr size_t kShortDigest = 19;  // "sha256:" and 12 digits

struct PullOptions {
  std::vector<std::string> references;
  bool quiet = false;
};

int PullAndPrint(Session& session, const std::string& reference, Progress progress) {
  std::string pulled;
  int failed = PullImage(session, reference, progress, pulled);
  if (failed == 0) std::puts(pulled.c_str());
  return failed;
}

void AddPull(Program& program) {
  auto options = std::make_shared<PullOptions>();
  CLI::App* pull = program.Add(
      {"pull", "Fetch images", "[OPTIONS] IMAGE...", "What is here already is not fetched again."});
  pull->add_option("IMAGE", options->references, "Image reference")->required();
  pull->add_flag("-q,--quiet", options->quiet, "No progress");
  program.OnRun(pull, [&program, options] {
    std::unique_ptr<Session> session = Session::Open(program.global());
    if (!session) return kExitFailure;
    auto pull_one = [&](const std::string& reference) {
      return PullAndPrint(*session, reference, Progress(!options->quiet));
    };
    if (options->references.size() == 1) return pull_one(options->references.front());
    return ForEach(options->references, Echo::kNothing, pull_one);
  });
}

std::vector<Column> ImageColumns() {
  auto digest = [](const Value& row) { return Member("digest")(row).substr(0, kShortDigest); };
  return {{"REFERENCE", Member("reference")},
          {"DIGEST", digest},
          {"PULLED", AgeMember("pulled_at_ms")},
          {"SIZE", SizeMember("size")}};
}

int Images(const GlobalOptions& global, const OutputOptions& output) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  ImageListHandle list;
  ErrorHandle err;
  if (boxlite_image_list_create(Out(list), session->runtime(), Out(err)) != BOXLITE_OK)
    return Fail(err.get());
  Listing listing{ImageColumns(), "reference", {}, ImageValue(nullptr)};
  for (size_t i = 0; i < boxlite_image_list_size(list.get()); ++i)
    listing.rows.push_back(ImageValue(boxlite_image_list_get(list.get(), i)));
  return Print(listing, output);
}

void AddImagesPrune(Program& program, CLI::App& images) {
  auto options = std::make_shared<PruneOptions>();
  CLI::App* prune = program.Add(
      images, {"prune", "Remove images that no box uses", "[OPTIONS]",
               "Without --all only what no reference names any more. What another program works "
               "with stays."});
  AddPruneOptions(prune, *options);
  program.OnRun(prune, [&program, options] { return PruneImages(program.global(), *options); });
}

void AddImages(Program& program) {
  auto output = std::make_shared<OutputOptions>();
  CLI::App* images = program.Add({"images", "List images", "[OPTIONS]", ""});
  AddImagesPrune(program, *images);
  images->add_flag("-q,--quiet", output->quiet, "References only");
  AddOutputOptions(images, *output);
  program.OnRun(images, [&program, output] { return Images(program.global(), *output); });
}

// Nobody pulls what is to be removed, as the hint for an image that is not here has it.
int FailPlainly(const boxlite_error* err) {
  bool not_found = boxlite_error_status(err) == BOXLITE_STATUS_NOT_FOUND;
  return not_found ? Fail(boxlite_error_message(err)) : Fail(err);
}

int Remove(Session& session, const std::string& reference) {
  Completion removed;
  ErrorHandle err;
  boxlite_status started = boxlite_image_remove(session.runtime(), reference.c_str(),
                                                Completion::Done, &removed, nullptr, Out(err));
  if (started != BOXLITE_OK) return FailPlainly(err.get());
  session.RunUntil(removed.finished);
  return removed.status == BOXLITE_OK ? 0 : FailPlainly(removed.error.get());
}

void AddRmi(Program& program) {
  auto references = std::make_shared<std::vector<std::string>>();
  CLI::App* rmi =
      program.Add({"rmi", "Remove images", "IMAGE...",
                   "What other images share with them stays. An image that a box uses is not "
                   "removed."});
  rmi->add_option("IMAGE", *references, "Image reference")->required();
  program.OnRun(rmi, [&program, references] {
    std::unique_ptr<Session> session = Session::Open(program.global());
    if (!session) return kExitFailure;
    return ForEach(*references, Echo::kNames,
                   [&](const std::string& reference) { return Remove(*session, reference); });
  });
}

struct TagOptions {
  std::string image, reference;
};

void AddTag(Program& program) {
  auto options = std::make_shared<TagOptions>();
  CLI::App* tag = program.Add({"tag", "Give an image another name", "IMAGE REFERENCE",
                               "REFERENCE names IMAGE then, whatever it named before."});
  tag->add_option("IMAGE", options->image, "Reference or digest")->required();
  tag->add_option("REFERENCE", options->reference, "The new name")->required();
  program.OnRun(tag, [&program, options] {
    std::unique_ptr<Session> session = Session::Open(program.global());
    if (!session) return kExitFailure;
    ErrorHandle err;
    boxlite_status tagged = boxlite_image_tag(session->runtime(), options->image.c_str(),
                                              options->reference.c_str(), Out(err));
    return tagged == BOXLITE_OK ? 0 : Fail(err.get());
  });
}

struct HistoryOptions {
  std::string image;
  OutputOptions output;
};

int History(const GlobalOptions& global, const HistoryOptions& options) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  ImageInfoHandle image;
  ErrorHandle err;
  if (boxlite_image_get_info(Out(image), session->runtime(), options.image.c_str(), Out(err)) !=
      BOXLITE_OK)
    return Fail(err.get());
  Listing listing{{{"CREATED", Member("created")},
                   {"SIZE", SizeMember("size")},
                   {"CREATED BY", Member("created_by")},
                   {"COMMENT", Member("comment")}},
                  "layer",
                  {},
                  HistoryValue(nullptr, 0)};
  // The newest step first, as docker has it.
  for (size_t n = boxlite_image_info_history_count(image.get()); n-- > 0;)
    listing.rows.push_back(HistoryValue(image.get(), n));
  return Print(listing, options.output);
}

void AddHistory(Program& program) {
  auto options = std::make_shared<HistoryOptions>();
  CLI::App* history = program.Add({"history", "Show how an image was made", "[OPTIONS] IMAGE", ""});
  history->add_option("IMAGE", options->image, "Reference or digest")->required();
  history->add_flag("-q,--quiet", options->output.quiet, "Digests of layers only");
  AddOutputOptions(history, options->output);
  program.OnRun(history, [&program, options] { return History(program.global(), *options); });
}

}  // namespace

void AddImageCommands(Program& program) {
  AddPull(program);
  AddImages(program);
  AddRmi(program);
  AddTag(program);
  AddHistory(program);
}

}  // namespace boxlite::cli
