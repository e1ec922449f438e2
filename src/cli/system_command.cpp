// `boxlite system df` and `system prune`.
#include <memory>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/prune.h"
#include "cli/values.h"

namespace boxlite::cli {
namespace {

int DiskUsage(const GlobalOptions& global, const OutputOptions& output) {
  std::unique_ptr<Session> session = Session::Open(global);
  if (!session) return kExitFailure;
  DiskUsageHandle usage;
  ErrorHandle err;
  if (boxlite_disk_usage_create(Out(usage), session->runtime(), Out(err)) != BOXLITE_OK)
    return Fail(err.get());
  Listing listing{{{"TYPE", Member("type")},
                   {"TOTAL", Member("total")},
                   {"ACTIVE", Member("active")},
                   {"SIZE", SizeMember("size")},
                   {"RECLAIMABLE", SizeMember("reclaimable")}},
                  "type",
                  {}};
  for (boxlite_disk_kind kind : {BOXLITE_DISK_KIND_IMAGES, BOXLITE_DISK_KIND_ROOTFS,
                                 BOXLITE_DISK_KIND_BOXES, BOXLITE_DISK_KIND_CACHE})
    listing.rows.push_back(UsageValue(usage.get(), kind));
  return Print(listing, output);
}

void AddDf(Program& program, CLI::App& system) {
  auto output = std::make_shared<OutputOptions>();
  CLI::App* df = program.Add(
      system, {"df", "Show what the home directory takes on the disk", "[OPTIONS]", ""});
  AddOutputOptions(df, *output);
  program.OnRun(df, [&program, output] { return DiskUsage(program.global(), *output); });
}

void AddPrune(Program& program, CLI::App& system) {
  auto options = std::make_shared<PruneOptions>();
  CLI::App* prune = program.Add(
      system, {"prune", "Remove boxes that do not run and images that nobody uses", "[OPTIONS]",
               "Without --all only images that no reference names any more. What another program "
               "works with stays."});
  AddPruneOptions(prune, *options);
  program.OnRun(prune, [&program, options] { return PruneSystem(program.global(), *options); });
}

}  // namespace

void AddSystemCommand(Program& program) {
  CLI::App* system =
      program.Add({"system", "Show and free what the home directory takes", "COMMAND", ""});
  system->require_subcommand(1);
  AddDf(program, *system);
  AddPrune(program, *system);
}

}  // namespace boxlite::cli
