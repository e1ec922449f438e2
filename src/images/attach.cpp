#include "images/attach.h"

#include <unistd.h>

#include <cstdio>
#include <vector>

#include "base/sys.h"
#include "helper/unix_socket.h"
#include "proto/descriptors.h"

namespace boxlite::images {
namespace {

constexpr mode_t kPrivateDir = 0700;
constexpr mode_t kPrivateFile = 0600;
constexpr int kDirFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr size_t kMaxReadablePart = 120;  // of a key: a file name may have 255 bytes

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

// Whether `name` in `dir_fd` still is the open file `fd`.
Result<bool> IsStill(int dir_fd, const std::string& name, int fd) {
  Result<struct stat> named = sys::StatAt(dir_fd, name, AT_SYMLINK_NOFOLLOW);
  if (!named.ok() && named.error().code() == Code::kNotFound) return false;
  if (!named.ok()) return named.TakeError();
  struct stat open = BOXLITE_TRY(sys::Stat(fd));
  return SameFile(named.value(), open);
}

Result<UniqueFd> MakeSubdir(int parent, const std::string& name) {
  BOXLITE_TRY(sys::MakeDirAt(parent, name, kPrivateDir));
  return sys::OpenAt(parent, name, kDirFlags);
}

Result<UniqueFd> OpenStagedBlobs(int staging_fd) {
  UniqueFd blobs = BOXLITE_TRY(MakeSubdir(staging_fd, "blobs"));
  return MakeSubdir(blobs.get(), "sha256");
}

Result<Attachment> StartJob(const store::Home& home, const std::string& program,
                            const JobSpec& spec, int dir, int lock) {
  Attachment job;
  UniqueFd staging;
  if (spec.output == Output::kFile) {
    BOXLITE_TRY(sys::UnlinkAt(dir, "out"));
    job.out = BOXLITE_TRY(sys::OpenAt(dir, "out", O_RDWR | O_CREAT | O_EXCL, kPrivateFile));
  } else if (spec.output == Output::kBlobs) {
    staging = BOXLITE_TRY(MakeSubdir(dir, "staging"));
    job.staging = BOXLITE_TRY(OpenStagedBlobs(staging.get()));
  }
  constexpr int kLogFlags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW;
  job.log = BOXLITE_TRY(sys::OpenAt(dir, "log", kLogFlags, kPrivateFile));
  UniqueFd listener = BOXLITE_TRY(helper::ListenAt(dir, "sock.new"));
  auto [ours, its] = BOXLITE_TRY(sys::SocketPair());
  std::optional<UniqueFd> config = BOXLITE_TRY(home.OpenConfig());
  UniqueFd environment;
  if (!spec.environment.empty())
    environment = BOXLITE_TRY(sys::MemoryFile("boxlite-environment", AsBytes(spec.environment)));

  helper::SpawnOptions options;
  options.program = program;
  options.argv = {"boxlite-image"};
  options.descriptors = {{job.log.get(), STDERR_FILENO},
                         {its.get(), proto::kControl},
                         {listener.get(), proto::kListener},
                         {lock, proto::kLock},
                         {home.blobs(), proto::kImageBlobs}};
  if (staging) options.descriptors.push_back({staging.get(), proto::kImageStaging});
  if (job.out) options.descriptors.push_back({job.out.get(), proto::kImageOut});
  if (spec.sink) options.descriptors.push_back({spec.sink.get(), proto::kImageOut});
  if (spec.source) options.descriptors.push_back({spec.source.get(), proto::kImageSource});
  if (environment) options.descriptors.push_back({environment.get(), proto::kImageEnvironment});
  if (config) options.descriptors.push_back({config->get(), proto::kImageConfig});
  job.spawned = BOXLITE_TRY(helper::Spawn(options));
  job.socket = std::move(ours);
  BOXLITE_TRY(sys::RenameAt(dir, "sock.new", dir, "sock"));
  return job;
}

Result<std::optional<Attachment>> JoinJob(const JobSpec& spec, int dir) {
  Attachment job;
  if (spec.output == Output::kFile) {
    Result<UniqueFd> out = sys::OpenAt(dir, "out", O_RDONLY | O_NOFOLLOW);
    if (!out.ok()) return std::optional<Attachment>();
    job.out = out.TakeValue();
  }
  Result<UniqueFd> socket = helper::ConnectAt(dir, "sock");
  if (!socket.ok()) return std::optional<Attachment>();
  job.socket = socket.TakeValue();
  // Of another job where ours is just ending; only a message is made from it.
  Result<UniqueFd> log = sys::OpenAt(dir, "log", O_RDONLY | O_NOFOLLOW);
  if (log.ok()) job.log = log.TakeValue();
  if (spec.output == Output::kFile) {
    if (!BOXLITE_TRY(IsStill(dir, "out", job.out.get()))) return std::optional<Attachment>();
  } else if (spec.output == Output::kBlobs) {
    UniqueFd staging = BOXLITE_TRY(MakeSubdir(dir, "staging"));
    job.staging = BOXLITE_TRY(OpenStagedBlobs(staging.get()));
  }
  return std::optional<Attachment>(std::move(job));
}

uint64_t Fnv1a(uint64_t hash, std::string_view text) {
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

std::string JobKey(std::string_view kind, const std::vector<std::string>& parts) {
  std::string key(kind);
  // The hash tells apart what reads the same; it is no secret and need not be hard to hit, because
  // whoever attaches checks that the answer is for its own question.
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::string& part : parts) {
    hash = Fnv1a(Fnv1a(hash, part), std::string_view("\0", 1));
    key += '-';
    for (char c : part) {
      bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      key += plain || c == '.' ? c : '_';
    }
  }
  if (key.size() > kMaxReadablePart) key.resize(kMaxReadablePart);
  char digits[20];
  std::snprintf(digits, sizeof digits, "-%016llx", static_cast<unsigned long long>(hash));
  return key + digits;
}

Result<std::optional<Attachment>> Attach(const store::Home& home, const std::string& program,
                                         const JobSpec& spec) {
  BOXLITE_TRY(sys::MakeDirAt(home.jobs(), spec.key, kPrivateDir));
  // Whoever clears finished jobs away may do so at any point until we have the lock and it still
  // has its name.
  Result<UniqueFd> dir = sys::OpenAt(home.jobs(), spec.key, kDirFlags);
  if (!dir.ok() && dir.error().code() == Code::kNotFound) return std::optional<Attachment>();
  if (!dir.ok()) return dir.TakeError();
  Result<UniqueFd> lock =
      sys::OpenAt(dir.value().get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW, kPrivateFile);
  if (!lock.ok() && lock.error().code() == Code::kNotFound) return std::optional<Attachment>();
  if (!lock.ok()) return lock.TakeError();
  bool taken = BOXLITE_TRY(sys::LockExclusive(lock.value().get(), sys::LockWait::kNo));
  if (!taken) return JoinJob(spec, dir.value().get());
  if (!BOXLITE_TRY(IsStill(home.jobs(), spec.key + "/lock", lock.value().get())))
    return std::optional<Attachment>();
  if (spec.output == Output::kFile && sys::StatAt(spec.target_dir, spec.target).ok())
    return Error(Code::kAlreadyExists, spec.target + " was made meanwhile");
  Attachment job =
      BOXLITE_TRY(StartJob(home, program, spec, dir.value().get(), lock.value().get()));
  if (spec.output == Output::kFile) job.lock = lock.TakeValue();
  return std::optional<Attachment>(std::move(job));
}

}  // namespace boxlite::images
