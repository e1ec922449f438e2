#include "box/options.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "base/sys_files.h"
#include "images/images.h"
#include "oci/reference.h"

namespace boxlite::box {
namespace {

constexpr const char* kDefaultImage = "python:slim";
constexpr uint32_t kDefaultMemoryMib = 512;
constexpr size_t kMaxName = 63;
constexpr uint32_t kAllBoxFlags = store::kBoxAutoRemove | store::kBoxDetached |
                                  store::kBoxNoEntrypoint | store::kBoxMain | store::kBoxNoJail |
                                  store::kBoxNoSeccomp;
constexpr uint32_t kAllExecFlags =
    kExecTty | kExecStdin | kExecDetached | kExecMain | kExecEntrypoint | kExecManualCredit;

Error Invalid(std::string message, std::string hint = {}) {
  return Error(Code::kInvalidArgument, std::move(message), std::move(hint));
}

uint64_t HostMemoryMib() {
  auto pages = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES));
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) >> 20;
}

Result<void> CheckPairs(const std::vector<std::string>& pairs, const char* field) {
  for (const std::string& pair : pairs) {
    size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return Invalid(std::string(field) + " entry \"" + pair.substr(0, equals) +
                     "\" is not NAME=value");
  }
  return {};
}

Result<void> CheckDirectory(const std::string& path, const char* field) {
  if (path.empty() || path[0] == '/') return {};
  return Invalid(std::string(field) + " \"" + path + "\" is not an absolute path");
}

Result<void> CheckEngine(proto::Engine engine) {
  if (engine <= proto::Engine::kQemu) return {};
  return Invalid("engine " + std::to_string(static_cast<int>(engine)) + " is not known");
}

Result<void> CheckSize(const BoxOptions& options) {
  if (options.cpus > proto::kMaxCpus)
    return Invalid("cpus " + std::to_string(options.cpus) + " is more than " +
                   std::to_string(proto::kMaxCpus));
  uint64_t most = std::min<uint64_t>(HostMemoryMib(), proto::kMaxMemoryMib);
  if (options.memory_mib == 0) return {};
  if (options.memory_mib >= proto::kMinMemoryMib && options.memory_mib <= most) return {};
  return Invalid("memory_mib " + std::to_string(options.memory_mib) + " is not between " +
                 std::to_string(proto::kMinMemoryMib) + " and " + std::to_string(most) +
                 ", which is what this host has or a box can use");
}

Result<void> SetImage(const BoxOptions& options, store::BoxRecord& record) {
  if (!options.image.empty() && !options.rootfs_path.empty())
    return Invalid("image and rootfs_path are both set", "Set one of them.");
  if (!options.rootfs_path.empty()) {
    Result<std::string> path = sys::RealPath(options.rootfs_path);
    if (!path.ok())
      return Invalid("rootfs_path " + options.rootfs_path +
                     " cannot be used: " + path.error().message())
          .WithErrno(path.error().os_errno());
    record.rootfs_path = path.TakeValue();
    record.reference = images::LayoutReference(record.rootfs_path);
    return {};
  }
  record.image = options.image.empty() ? kDefaultImage : options.image;
  Result<oci::Reference> reference = oci::ParseReference(record.image);
  if (!reference.ok()) return reference.TakeError().Context("image");
  record.reference = reference.value().Canonical();
  return {};
}

void SetVariable(std::vector<std::string>& env, const std::string& entry) {
  std::string_view name = std::string_view(entry).substr(0, entry.find('=') + 1);
  for (std::string& old : env) {
    if (std::string_view(old).substr(0, name.size()) == name) {
      old = entry;
      return;
    }
  }
  env.push_back(entry);
}

bool HasVariable(const std::vector<std::string>& env, std::string_view name) {
  return std::any_of(env.begin(), env.end(), [&](const std::string& entry) {
    return std::string_view(entry).substr(0, name.size()) == name;
  });
}

std::vector<std::string> MergeEnvironment(const ExecOptions& options, const store::BoxRecord& box,
                                          const store::ImageRecord& image) {
  std::vector<std::string> env;
  for (const auto* layer : {&image.env, &box.env, &options.env}) {
    for (const std::string& entry : *layer) SetVariable(env, entry);
  }
  if (!HasVariable(env, "PATH="))
    env.push_back("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
  if ((options.flags & kExecTty) != 0 && !HasVariable(env, "TERM=")) env.push_back("TERM=xterm");
  return env;
}

std::vector<std::string> FullCommand(const ExecOptions& options, const store::BoxRecord& box,
                                     const store::ImageRecord& image) {
  if ((options.flags & kExecEntrypoint) == 0) return options.argv;
  std::vector<std::string> command;
  if (box.entrypoint_set != 0) {
    command = box.entrypoint;
  } else if ((box.flags & store::kBoxNoEntrypoint) == 0) {
    command = image.entrypoint;
  }
  // The image's cmd belongs to the image's entrypoint: it does not follow another one.
  const std::vector<std::string> none;
  const auto& cmd = box.cmd_set != 0 ? box.cmd : box.entrypoint_set != 0 ? none : image.cmd;
  const auto& rest = options.argv.empty() ? cmd : options.argv;
  command.insert(command.end(), rest.begin(), rest.end());
  return command;
}

// A number that the guest's kernel, or our records, would not take is told here, by its name.
Result<void> CheckLimits(const store::BoxLimits& limits) {
  constexpr uint64_t kMostOpenFiles = 1048576, kLeastProcesses = 8, kMostProcesses = 4194304;
  constexpr uint64_t kMost = INT64_MAX;
  struct Bound {
    const char* name;
    uint64_t value, least, most;
  };
  for (const Bound& bound :
       {Bound{"max_open_files", limits.open_files, 1, kMostOpenFiles},
        {"max_file_size_bytes", limits.file_size_bytes, 1, kMost},
        {"max_memory_bytes", limits.memory_bytes, 1, kMost},
        {"max_cpu_seconds", limits.cpu_seconds, 1, kMost},
        {"max_processes", limits.processes, kLeastProcesses, kMostProcesses}}) {
    if (bound.value == 0 || (bound.value >= bound.least && bound.value <= bound.most)) continue;
    return Invalid(std::string(bound.name) + " is " + std::to_string(bound.value) + "; it may be " +
                   std::to_string(bound.least) + " to " + std::to_string(bound.most) +
                   ", or 0 for none");
  }
  return {};
}

std::vector<proto::ResourceLimit> ResourceLimits(const store::BoxLimits& limits) {
  std::vector<proto::ResourceLimit> resources;
  for (const proto::ResourceLimit& limit : {proto::ResourceLimit{RLIMIT_NOFILE, limits.open_files},
                                            {RLIMIT_FSIZE, limits.file_size_bytes},
                                            {RLIMIT_AS, limits.memory_bytes},
                                            {RLIMIT_CPU, limits.cpu_seconds}}) {
    if (limit.value != 0) resources.push_back(limit);
  }
  return resources;
}

}  // namespace

Result<void> CheckBoxName(const std::string& name) {
  auto plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  auto allowed = [&](char c) { return plain(c) || c == '_' || c == '.' || c == '-'; };
  if (name.size() <= kMaxName && plain(name[0]) && std::all_of(name.begin(), name.end(), allowed))
    return {};
  return Invalid("name \"" + name + "\" is not a box name",
                 "Use at most 63 letters, digits, '_', '.' and '-', a letter or digit first.");
}

Result<void> CheckSignal(int number) {
  constexpr int kMaxSignal = 64;
  if (number >= 1 && number <= kMaxSignal) return {};
  return Invalid("number " + std::to_string(number) + " is not a signal (1 to 64)");
}

Result<void> CheckRuntimeOptions(const RuntimeOptions& options) {
  if ((options.flags & ~kRuntimeDrainThread) != 0)
    return Invalid("flags has bits that are not known");
  for (const std::string& registry : options.image_registries) {
    if (registry.empty()) return Invalid("image_registries has an empty entry");
  }
  return CheckEngine(options.engine);
}

Result<store::BoxRecord> MakeBoxRecord(const BoxOptions& options, proto::Engine default_engine) {
  store::BoxRecord record;
  BOXLITE_TRY(SetImage(options, record));
  if (!options.name.empty()) BOXLITE_TRY(CheckBoxName(options.name));
  BOXLITE_TRY(CheckSize(options));
  BOXLITE_TRY(CheckPairs(options.env, "env"));
  BOXLITE_TRY(CheckPairs(options.labels, "labels"));
  BOXLITE_TRY(CheckDirectory(options.working_dir, "working_dir"));
  BOXLITE_TRY(CheckEngine(options.engine));
  BOXLITE_TRY(CheckLimits(options.limits));
  if ((options.flags & ~kAllBoxFlags) != 0) return Invalid("flags has bits that are not known");
  if (options.isolation > proto::Isolation::kHardware)
    return Invalid("isolation may be asked for as any or hardware only");
  if (options.entrypoint && (options.flags & store::kBoxNoEntrypoint) != 0)
    return Invalid("entrypoint is set and flags has BOXLITE_BOX_NO_ENTRYPOINT");
  record.name = options.name;
  record.cpus = options.cpus == 0 ? 1 : options.cpus;
  record.memory_mib = options.memory_mib == 0 ? kDefaultMemoryMib : options.memory_mib;
  record.env = options.env;
  record.working_dir = options.working_dir;
  record.user = options.user;
  record.entrypoint = options.entrypoint.value_or(std::vector<std::string>());
  record.entrypoint_set = options.entrypoint ? 1 : 0;
  record.cmd = options.cmd.value_or(std::vector<std::string>());
  record.cmd_set = options.cmd ? 1 : 0;
  record.labels = options.labels;
  record.limits = options.limits;
  record.flags = options.flags;
  proto::Engine engine = options.engine == proto::Engine::kAuto ? default_engine : options.engine;
  record.engine_wanted = static_cast<uint8_t>(engine);
  record.isolation_wanted = static_cast<uint8_t>(options.isolation);
  return record;
}

Result<void> CheckExecOptions(const ExecOptions& options) {
  if ((options.flags & ~kAllExecFlags) != 0) return Invalid("flags has bits that are not known");
  if (options.argv.empty() && (options.flags & kExecEntrypoint) == 0)
    return Invalid("argv is empty", "Name a command, or set BOXLITE_EXEC_ENTRYPOINT.");
  if (!options.argv.empty() && options.argv[0].empty() && (options.flags & kExecEntrypoint) == 0)
    return Invalid("argv[0] is an empty text");
  BOXLITE_TRY(CheckDirectory(options.cwd, "cwd"));
  return CheckPairs(options.env, "env");
}

Result<proto::Exec> MakeExecRequest(const ExecOptions& options, const store::BoxRecord& box,
                                    const store::ImageRecord& image) {
  proto::Exec request;
  request.argv = FullCommand(options, box, image);
  if (request.argv.empty())
    return Invalid("the image names no command of its own", "Name the command to run.");
  request.env = MergeEnvironment(options, box, image);
  bool image_dir = !image.working_dir.empty() && image.working_dir != "/";
  request.cwd = !options.cwd.empty()       ? options.cwd
                : !box.working_dir.empty() ? box.working_dir
                : image_dir                ? image.working_dir
                            : std::string();  // the agent knows whether /root is there
  request.user = !options.user.empty() ? options.user : !box.user.empty() ? box.user : image.user;
  // The frame protocol has the same numbers for what concerns it.
  request.flags = options.flags & (kExecTty | kExecStdin | kExecDetached | kExecMain);
  request.rows = options.rows == 0 ? 24 : options.rows;
  request.columns = options.columns == 0 ? 80 : options.columns;
  request.timeout_ms = options.timeout_ms;
  request.limits = ResourceLimits(box.limits);
  return request;
}

}  // namespace boxlite::box
