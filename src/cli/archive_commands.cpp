// `boxlite load` and `save`: images as tar archives.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "cli/commands.h"
#include "cli/progress.h"

namespace boxlite::cli {
namespace {

// A file that is open as long as this lives, or one of the standard streams.
class File {
 public:
  explicit File(int standard) : fd_(standard), owned_(false) {}
  File(const std::string& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)), owned_(true) {
    if (fd_ < 0) Fail((path + ": " + std::generic_category().message(errno)).c_str());
  }
  ~File() {
    if (owned_ && fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  bool IsTerminal() const { return ::isatty(fd_) == 1; }

 private:
  int fd_;
  bool owned_;
};

struct Transfer {
  Completion completion;
  ProgressLine line;
  bool quiet = false;
  std::vector<std::string> references;

  static void OnProgress(void* self, const boxlite_progress* progress) {
    auto* transfer = static_cast<Transfer*>(self);
    if (!transfer->quiet) transfer->line.Show(*progress);
  }
  static void OnSaved(void* self, boxlite_status status, const boxlite_error* err) {
    Completion::Done(&static_cast<Transfer*>(self)->completion, status, err);
  }
  static void OnLoaded(void* self, boxlite_status status, const boxlite_error* err,
                       const boxlite_image_list* images) {
    auto* transfer = static_cast<Transfer*>(self);
    size_t count = images == nullptr ? 0 : boxlite_image_list_size(images);
    for (size_t i = 0; i < count; ++i)
      transfer->references.emplace_back(
          boxlite_image_info_reference(boxlite_image_list_get(images, i)));
    Completion::Done(&transfer->completion, status, err);
  }
};

struct LoadOptions {
  std::string input, name;
  bool quiet = false;
};

int Load(const GlobalOptions& global, const LoadOptions& options) {
  bool standard = options.input.empty() || options.input == "-";
  File file = standard ? File(STDIN_FILENO) : File(options.input, O_RDONLY);
  if (file.fd() < 0) return kExitFailure;
  if (file.IsTerminal()) return Fail("an archive is not typed; give --input FILE, or a pipe");
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  Transfer load{{}, ProgressLine("loading"), options.quiet, {}};
  OperationHandle operation;
  ErrorHandle err;
  boxlite_status started = boxlite_image_load(
      session->runtime(), file.fd(), options.name.empty() ? nullptr : options.name.c_str(),
      Transfer::OnProgress, Transfer::OnLoaded, &load, nullptr, Out(operation), Out(err));
  int failed = AwaitCancellable(*session, started, err, load.completion, operation.get());
  for (const std::string& reference : load.references) std::puts(reference.c_str());
  return failed;
}

void AddLoad(Program& program) {
  auto options = std::make_shared<LoadOptions>();
  CLI::App* load =
      program.Add({"load", "Read images from an archive", "[OPTIONS]",
                   "What `docker save` and `boxlite save` write, or an OCI layout as tar; plain or "
                   "compressed by gzip or zstd. The names of the images are printed."});
  load->add_option("-i,--input", options->input, "File (default standard input)");
  load->add_option("--name", options->name, "For an image to which the archive gives no name");
  load->add_flag("-q,--quiet", options->quiet, "No progress");
  program.OnRun(load, [&program, options] { return Load(program.global(), *options); });
}

struct SaveOptions {
  std::vector<std::string> images;
  std::string output;
  bool quiet = false;
};

int Save(Session& session, const SaveOptions& options, int fd) {
  std::vector<const char*> names = Pointers(options.images);
  Transfer save{{}, ProgressLine("saving"), options.quiet, {}};
  OperationHandle operation;
  ErrorHandle err;
  boxlite_status started =
      boxlite_image_save(session.runtime(), names.data(), names.size(), fd, Transfer::OnProgress,
                         Transfer::OnSaved, &save, nullptr, Out(operation), Out(err));
  return AwaitCancellable(session, started, err, save.completion, operation.get());
}

// A file that could not be written whole does not stay, nor does it take an older one's place.
int SaveToFile(Session& session, const SaveOptions& options) {
  std::string part = options.output + ".part";
  int failed = kExitFailure;
  {
    File file(part, O_WRONLY | O_CREAT | O_TRUNC);
    if (file.fd() < 0) return kExitFailure;
    failed = Save(session, options, file.fd());
  }
  if (failed == 0 && std::rename(part.c_str(), options.output.c_str()) == 0) return 0;
  if (failed == 0)
    failed = Fail((options.output + ": " + std::generic_category().message(errno)).c_str());
  std::remove(part.c_str());
  return failed;
}

void AddSave(Program& program) {
  auto options = std::make_shared<SaveOptions>();
  CLI::App* save = program.Add({"save", "Write images to an archive", "[OPTIONS] IMAGE...",
                                "A tar that docker, podman and skopeo read as well."});
  save->add_option("IMAGE", options->images, "Reference or digest")->required();
  save->add_option("-o,--output", options->output, "File (default standard output)");
  save->add_flag("-q,--quiet", options->quiet, "No progress");
  program.OnRun(save, [&program, options] {
    bool standard = options->output.empty() || options->output == "-";
    if (standard && File(STDOUT_FILENO).IsTerminal())
      return Fail("an archive is nothing for a terminal; give --output FILE, or a pipe");
    std::unique_ptr<Session> session = Session::Open(program.global());
    if (!session) return kExitFailure;
    return standard ? Save(*session, *options, STDOUT_FILENO) : SaveToFile(*session, *options);
  });
}

}  // namespace

void AddArchiveCommands(Program& program) {
  AddLoad(program);
  AddSave(program);
}

}  // namespace boxlite::cli
