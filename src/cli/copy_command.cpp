// `boxlite cp`: files between this machine and a box.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>

#include "cli/commands.h"
#include "cli/progress.h"

namespace boxlite::cli {
namespace {

constexpr const char* kDetails =
    "One of SOURCE and DESTINATION is BOX:PATH. As docker has it: into DESTINATION where that is a "
    "directory, else to that name; a SOURCE that ends in /. is a directory's contents. A path of "
    "this machine with a colon begins with ./ or /.\n\n"
    "With - for SOURCE, a tar archive on standard input is unpacked into the box's directory; with "
    "- for DESTINATION, a tar archive goes to standard output. A box that does not run is started "
    "for the copy and stopped again.\n\n"
    "Example: boxlite cp results worker:/workspace";

struct CopyOptions {
  std::string source, destination;
  bool follow_link = false;
  bool archive = false;
  bool quiet = false;
};

struct BoxPath {
  std::string box, path;
};

// "BOX:PATH"; nothing for a path of this machine.
std::optional<BoxPath> ParseBoxPath(const std::string& text) {
  size_t colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || text[0] == '.' || text[0] == '/')
    return std::nullopt;
  if (text.find('/') < colon) return std::nullopt;
  std::string path = text.substr(colon + 1);
  // As docker has it, from the root.
  if (path.empty() || path.front() != '/') path.insert(0, "/");
  return BoxPath{text.substr(0, colon), path};
}

// How far a copy has come, on a terminal.
class CopyLine {
 public:
  explicit CopyLine(bool quiet) : shown_(!quiet && ::isatty(STDERR_FILENO) == 1) {}
  ~CopyLine() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  CopyLine(const CopyLine&) = delete;
  CopyLine& operator=(const CopyLine&) = delete;

  void Show(const boxlite_copy_progress& progress) const {
    if (!shown_) return;
    std::fprintf(stderr, "\r\033[K%llu files, %s", static_cast<unsigned long long>(progress.files),
                 HumanSize(progress.bytes).c_str());
  }

 private:
  bool shown_;
};

struct Copy {
  Completion completion;
  CopyLine line;
  OperationHandle operation = {};
  bool output_lost = false;

  static void OnProgress(void* self, const boxlite_copy_progress* progress) {
    static_cast<Copy*>(self)->line.Show(*progress);
  }
  static void OnDone(void* self, boxlite_status status, const boxlite_error* err) {
    auto* copy = static_cast<Copy*>(self);
    bool lost = copy->output_lost;  // That is why, then, and told as such.
    Completion::Done(&copy->completion, lost ? BOXLITE_OK : status, lost ? nullptr : err);
  }
  static void OnArchive(void* self, const uint8_t* data, size_t size) {
    auto* copy = static_cast<Copy*>(self);
    if (copy->output_lost || std::fwrite(data, 1, size, stdout) == size) return;
    copy->output_lost = true;
    boxlite_operation_cancel(copy->operation.get());
  }
};

uint32_t Flags(const CopyOptions& options) {
  return (options.follow_link ? BOXLITE_COPY_FOLLOW_LINK : 0) |
         (options.archive ? BOXLITE_COPY_OWNERS : 0);
}

int CopyTree(Session& session, boxlite_box* box, const CopyOptions& options,
             const std::optional<BoxPath>& from, const std::optional<BoxPath>& to) {
  boxlite_copy_options raw = BOXLITE_COPY_OPTIONS_INIT;
  raw.flags = Flags(options);
  Copy copy{{}, CopyLine(options.quiet)};
  ErrorHandle err;
  boxlite_status started =
      to ? boxlite_box_copy_in(box, options.source.c_str(), to->path.c_str(), &raw,
                               Copy::OnProgress, Copy::OnDone, &copy, nullptr, Out(copy.operation),
                               Out(err))
         : boxlite_box_copy_out(box, from->path.c_str(), options.destination.c_str(), &raw,
                                Copy::OnProgress, Copy::OnDone, &copy, nullptr, Out(copy.operation),
                                Out(err));
  return AwaitCancellable(session, started, err, copy.completion, copy.operation.get());
}

int WriteArchive(Session& session, boxlite_box* box, const CopyOptions& options,
                 const std::string& path) {
  if (::isatty(STDOUT_FILENO) == 1)
    return Fail("an archive is nothing for a terminal; name a file, or use a pipe");
  Copy copy{{}, CopyLine(true)};
  ErrorHandle err;
  uint32_t flags = options.follow_link ? BOXLITE_COPY_FOLLOW_LINK : 0;
  boxlite_status started =
      boxlite_box_get_archive(box, path.c_str(), flags, Copy::OnArchive, Copy::OnDone, &copy,
                              nullptr, Out(copy.operation), Out(err));
  if (started != BOXLITE_OK) return Fail(err.get());
  int failed = AwaitCancellable(session, started, err, copy.completion, copy.operation.get());
  if (failed != 0) return failed;
  if (copy.output_lost || std::fflush(stdout) != 0)
    return Fail("the archive cannot be written to standard output");
  return 0;
}

using UploadHandle = Handle<boxlite_upload, boxlite_upload_destroy>;

// Standard input, piece by piece; the next one is read when the box has taken the last.
class ArchiveReader {
 public:
  explicit ArchiveReader(Session& session) : session_(session) {}

  int Run(boxlite_box* box, const std::string& path) {
    boxlite_copy_options raw = BOXLITE_COPY_OPTIONS_INIT;
    ErrorHandle err;
    boxlite_status started = boxlite_box_put_archive(Out(upload_), box, path.c_str(), &raw,
                                                     Copy::OnDone, &copy_, nullptr, Out(err));
    if (started != BOXLITE_OK) return Fail(err.get());
    int interrupted = 0;
    auto signals = session_.OnSignals([&](int number) {
      if (number == SIGWINCH) return;
      interrupted = number;
      boxlite_upload_cancel(upload_.get());
    });
    session_.OnInput([this] { Forward(); });
    int failed = Await(session_, started, err, copy_.completion);
    session_.OnInput({});
    session_.RunUntil(taken_);
    return failed != 0 && interrupted != 0 ? 128 + interrupted : failed;
  }

 private:
  void Forward() {
    std::array<uint8_t, 65536> buffer{};
    ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) return;
    session_.OnInput({});
    if (count <= 0) return Ignore(boxlite_upload_finish(upload_.get(), nullptr));
    taken_ = boxlite_upload_write(upload_.get(), buffer.data(), static_cast<size_t>(count), OnTaken,
                                  this, nullptr, nullptr) != BOXLITE_OK;
  }
  static void OnTaken(void* self, boxlite_status status, const boxlite_error* /*err*/) {
    auto* reader = static_cast<ArchiveReader*>(self);
    reader->taken_ = true;
    if (status == BOXLITE_OK && !reader->copy_.completion.finished)
      reader->session_.OnInput([reader] { reader->Forward(); });
  }

  Session& session_;  // outlives us
  Copy copy_{{}, CopyLine(true)};
  UploadHandle upload_;
  bool taken_ = true;  // nothing that was written waits for its completion
};

int CopyWith(Session& session, boxlite_box* box, const CopyOptions& options,
             const std::optional<BoxPath>& from, const std::optional<BoxPath>& to) {
  if (to && options.source == "-") return ArchiveReader(session).Run(box, to->path);
  if (from && options.destination == "-") return WriteArchive(session, box, options, from->path);
  return CopyTree(session, box, options, from, to);
}

bool HasMachine(boxlite_box* box) {
  BoxInfoHandle info;
  if (boxlite_box_get_info(Out(info), box, nullptr) != BOXLITE_OK) return false;
  return Lives(info.get());
}

int RunCopy(const GlobalOptions& global, const CopyOptions& options) {
  std::optional<BoxPath> from = ParseBoxPath(options.source);
  std::optional<BoxPath> to = ParseBoxPath(options.destination);
  if (from.has_value() == to.has_value())
    return Fail("one of SOURCE and DESTINATION is BOX:PATH, and the other is not");
  std::unique_ptr<Session> session = Session::Open(global);
  BoxHandle box;
  if (!session || !FindBox(*session, from ? from->box : to->box, box)) return kExitFailure;
  bool had_machine = HasMachine(box.get());
  int failed = CopyWith(*session, box.get(), options, from, to);
  // It was started for the copy; a detached one would go on.
  if (!had_machine && HasMachine(box.get())) StopBox(*session, box.get(), 0);
  return failed;
}

}  // namespace

void AddCopyCommand(Program& program) {
  auto options = std::make_shared<CopyOptions>();
  CLI::App* copy = program.Add({"cp", "Copy files into a box or out of it",
                                "[OPTIONS] PATH|BOX:PATH PATH|BOX:PATH", kDetails});
  copy->add_option("SOURCE", options->source, "PATH, BOX:PATH or -")->required();
  copy->add_option("DESTINATION", options->destination, "PATH, BOX:PATH or -")->required();
  copy->add_flag("-L,--follow-link", options->follow_link,
                 "Where SOURCE is a symbolic link: what it leads to");
  copy->add_flag("-a,--archive", options->archive, "Keep numeric owners");
  copy->add_flag("-q,--quiet", options->quiet, "No progress");
  program.OnRun(copy, [&program, options] { return RunCopy(program.global(), *options); });
}

}  // namespace boxlite::cli
