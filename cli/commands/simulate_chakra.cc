#include "cli/commands/simulate_chakra.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/network/network_profile.h"
#include "common/simulate/astra_sim.h"
#include "common/simulate/chakra.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr char kTraces[] = "step";

absl::Status Refused(const std::string& folder, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("--chakra: ", folder, ": ", why));
}

absl::Status PrepareFolder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return Refused(folder, absl::StrCat("cannot be made: ", error.message()));
  if (!fs::is_empty(folder, error) || error)
    return Refused(folder, "the folder must be empty, or not be there yet");
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    return Refused(folder, "nothing can be written to it");
  return absl::OkStatus();
}

std::vector<std::pair<std::string, std::string>> FactsOf(const v1::SimulateReport& report) {
  return {{"edgetp.version", kVersion},
          {"edgetp.model", report.model()},
          {"edgetp.pattern", report.pattern()},
          {"edgetp.overlap", report.overlap()},
          {"edgetp.strategy", report.has_strategy() ? report.strategy().name() : "tensor"},
          {"edgetp.workers", absl::StrCat(report.workers())},
          {"edgetp.device", report.device()},
          {"edgetp.network", report.network()},
          {"edgetp.allreduce", report.allreduce_algorithm()}};
}

}  // namespace

absl::Status PrepareChakra(const StepPlan& plan, const std::string& folder) {
  if (plan.world_size < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("--chakra: one rank exchanges nothing, and ASTRA-sim takes no network of one: "
                     "take at least "
                     "2 workers (got ",
                     plan.world_size, ")"));
  }
  RETURN_IF_ERROR(Annotate(CheckChakra(plan), "--chakra"));
  return PrepareFolder(folder);
}

absl::Status ExportChakra(const ForecastCase& forecast, const StepPlan& plan,
                          const v1::SimulateReport& report, const std::string& folder) {
  AstraSimCase run;
  ASSIGN_OR_RETURN(run.network, ResolveNetwork(forecast.network, plan.world_size));
  run.world_size = plan.world_size;
  run.algorithm = report.allreduce_algorithm();
  run.devices = ToDeviceOptions(forecast.devices);
  run.groups = CommGroupsOf(plan);
  for (int rank = 0; rank < plan.world_size; ++rank) {
    const auto nodes = ChakraNodes(plan, rank, run.groups, OfRank(run.devices, rank));
    RETURN_IF_ERROR(WriteWholeFile(absl::StrCat(folder, "/", kTraces, ".", rank, ".et"),
                                   ChakraFile(FactsOf(report), nodes)));
  }
  for (const AstraSimFile& file : AstraSimFiles(run, kTraces))
    RETURN_IF_ERROR(WriteWholeFile(absl::StrCat(folder, "/", file.name), file.text));
  return absl::OkStatus();
}

}  // namespace edgetp
