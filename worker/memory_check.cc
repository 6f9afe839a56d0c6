#include "worker/memory_check.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/units.h"
#include "common/plan/step_plan.h"

namespace edgetp {
namespace {

// What a worker takes beyond its plan: its peak minus what the process had before the job, measured
// on two ranks:
//
//   model, batch              plan       rank 1     rank 0
//   MiniGPT, 12               24 MiB     74 MiB
//   MiniGPT, 64               102 MiB    192 MiB
//   GPT-2, 1 x 128 tokens     1340 MiB   1963 MiB   5584 MiB
//   GPT-2, 2 x 512 tokens     2151 MiB   3174 MiB   5631 MiB
//
// Buffers of gRPC and BLAS, and LibTorch's caches:
constexpr double kFixedBytes = 64.0 * (1 << 20);
// Activations with the temporaries around them:
constexpr double kActivationFactor = 1.5;
// In copies of the whole model's parameters, whatever the world size: a tensor is made and gathered
// in full; rank 0 assembles and serializes checkpoints (weights and two moments, both ways, and
// what a buffer that grows leaves behind), when activations are gone; a file is loaded.
constexpr double kGatherCopies = 1.25;
constexpr double kCheckpointCopies = 9.25;
constexpr double kLoadCopies = 3;
// Version 1 writes "no limit" as the largest multiple of a page.
constexpr double kNoLimit = 0x1p60;

constexpr char kMemInfo[] = "/proc/meminfo";

// The number behind a key of "key: 12 kB" or "key 12".
std::optional<double> ValueOf(const std::string& text, const std::string& key) {
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t:"), absl::SkipEmpty());
    double value = 0;
    if (words.size() >= 2 && words[0] == key && absl::SimpleAtod(words[1], &value)) return value;
  }
  return std::nullopt;
}

std::optional<double> NumberIn(const FileReader& read, const std::string& path) {
  const std::optional<std::string> text = read(path);
  double value = 0;
  if (!text.has_value() || !absl::SimpleAtod(*text, &value)) return std::nullopt;  // "max", too
  return value;
}

struct ControlGroupFiles {
  std::string root;  // where the hierarchy is mounted
  const char* limit;
  const char* usage;
  const char* cache;  // key in memory.stat of what can be dropped
};

std::optional<MemoryRoom> RoomIn(const FileReader& read, const ControlGroupFiles& files,
                                 const std::string& folder) {
  const std::optional<double> limit = NumberIn(read, absl::StrCat(folder, "/", files.limit));
  const std::optional<double> usage = NumberIn(read, absl::StrCat(folder, "/", files.usage));
  if (!limit.has_value() || !usage.has_value() || *limit >= kNoLimit) return std::nullopt;
  const std::string stat = read(folder + "/memory.stat").value_or("");
  const double used = std::max(0.0, *usage - ValueOf(stat, files.cache).value_or(0));
  return MemoryRoom{std::max(0.0, *limit - used),
                    absl::StrCat(folder, "/", files.limit, " = ", FormatBytes(*limit))};
}

void TakeTighter(const std::optional<MemoryRoom>& room, std::optional<MemoryRoom>* tightest) {
  if (room.has_value() && (!tightest->has_value() || room->bytes < (*tightest)->bytes))
    *tightest = room;
}

// From the process's own group up to the root. Inside a container the path may be one of the host's
// that is not to be seen: what cannot be read sets no limit, and the root is the container's.
std::optional<MemoryRoom> TightestOf(const FileReader& read, const ControlGroupFiles& files,
                                     std::string path) {
  std::optional<MemoryRoom> tightest;
  while (true) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    TakeTighter(RoomIn(read, files, files.root + path), &tightest);
    if (path.empty()) return tightest;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

// Ranks whose member agrees with this rank's in what `same` compares, each with its need.
double Sum(const std::vector<double>& needs, const v1::Assign& assign,
           bool (*same)(const v1::Member&, const v1::Member&), int* ranks) {
  double sum = 0;
  *ranks = 0;
  for (int rank = 0; rank < assign.members_size(); ++rank) {
    if (!same(assign.members(rank), assign.members(assign.rank()))) continue;
    sum += needs[rank];
    ++*ranks;
  }
  return sum;
}

bool SameKernel(const v1::Member& a, const v1::Member& b) { return a.boot_id() == b.boot_id(); }
// Containers of one host have names of their own.
bool SameContainer(const v1::Member& a, const v1::Member& b) {
  return SameKernel(a, b) && a.host() == b.host();
}

absl::Status Demand(const v1::Assign& assign, const std::vector<double>& needs,
                    const std::optional<MemoryRoom>& room,
                    bool (*same)(const v1::Member&, const v1::Member&)) {
  int ranks = 0;
  const double sum = Sum(needs, assign, same, &ranks);
  if (!room.has_value() || sum <= room->bytes) return absl::OkStatus();
  const std::string together =
      ranks > 1 ? absl::StrCat(", the ", ranks, " ranks there ", FormatBytes(sum)) : "";
  return absl::FailedPreconditionError(
      absl::StrCat("too little memory on ", assign.members(assign.rank()).host(), ": rank ",
                   assign.rank(), " needs ", FormatBytes(needs[assign.rank()]), together,
                   "; free are ", FormatBytes(room->bytes), " (", room->limit, ")"));
}

double NeedOf(const v1::JobSpec& spec, const StepPlan& plan, int rank) {
  const MemoryUse& use = plan.memory[rank];
  const double whole_model = plan.total_parameters * sizeof(float);
  if (!spec.has_train()) {
    const double copies = spec.weights_blob().empty() ? kGatherCopies : kLoadCopies;
    return kFixedBytes + use.parameters_bytes + copies * whole_model;
  }
  const double steps = kActivationFactor * use.activations_bytes + kGatherCopies * whole_model;
  const bool has_checkpoint = rank == 0 || spec.train().resume();
  const double kept = use.parameters_bytes + use.gradients_bytes + use.optimizer_bytes;
  return kFixedBytes + kept + std::max(steps, has_checkpoint ? kCheckpointCopies * whole_model : 0);
}

// Of every rank.
absl::StatusOr<std::vector<double>> Needs(const v1::JobSpec& spec) {
  ASSIGN_OR_RETURN(const PlanOptions options, ToPlanOptions(spec.config()));
  ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(options));
  std::vector<double> needs;
  for (int rank = 0; rank < plan.world_size; ++rank) needs.push_back(NeedOf(spec, plan, rank));
  return needs;
}

}  // namespace

std::optional<MemoryRoom> HostRoom(const FileReader& read) {
  const std::optional<double> kib = ValueOf(read(kMemInfo).value_or(""), "MemAvailable");
  if (!kib.has_value()) return std::nullopt;
  return MemoryRoom{*kib * 1024, absl::StrCat("MemAvailable of ", kMemInfo)};
}

std::optional<MemoryRoom> ControlGroupRoom(const FileReader& read) {
  const ControlGroupFiles v2{"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};
  const ControlGroupFiles v1{"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                             "memory.usage_in_bytes", "total_inactive_file"};
  std::optional<MemoryRoom> tightest;
  // Lines are "0::/path" (version 2) or "4:memory:/path" (version 1).
  const std::string groups = read("/proc/self/cgroup").value_or("");
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(groups, '\n'))) {
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    if (parts[1].empty()) TakeTighter(TightestOf(read, v2, parts[2]), &tightest);
    if (parts[1] == "memory") TakeTighter(TightestOf(read, v1, parts[2]), &tightest);
  }
  return tightest;
}

absl::Status CheckMemory(const v1::Assign& assign, const FileReader& read) {
  ASSIGN_OR_RETURN(const std::vector<double> needs, Needs(assign.spec()));
  RETURN_IF_ERROR(Demand(assign, needs, ControlGroupRoom(read), &SameContainer));
  return Demand(assign, needs, HostRoom(read), &SameKernel);
}

std::optional<std::string> ReadSystemFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace edgetp
