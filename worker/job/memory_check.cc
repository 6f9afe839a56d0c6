#include "worker/job/memory_check.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/config/run_plans.h"
#include "common/config/units.h"
#include "common/plan/memory.h"

namespace edgetp {
namespace {

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
bool HasAccelerator(const v1::Member& member) {
  return !member.device().empty() && member.device() != "cpu";
}
// Of containers, each numbers the GPUs that it sees: only within one the same number says the same.
bool SameAccelerator(const v1::Member& a, const v1::Member& b) {
  return SameContainer(a, b) && HasAccelerator(a) && a.device() == b.device();
}

// One of the places where memory runs out, and what each rank needs of it.
struct RankPlace {
  std::optional<MemoryRoom> room;
  bool (*same)(const v1::Member&, const v1::Member&);
  std::vector<double> needs;
};

absl::Status Demand(const v1::Assign& assign, const RankPlace& place) {
  int ranks = 0;
  const double sum = Sum(place.needs, assign, place.same, &ranks);
  if (!place.room.has_value() || sum <= place.room->bytes) return absl::OkStatus();
  const std::string together =
      ranks > 1 ? absl::StrCat(", the ", ranks, " ranks there ", FormatBytes(sum)) : "";
  return absl::FailedPreconditionError(
      absl::StrCat("too little memory on ", assign.members(assign.rank()).host(), ": rank ",
                   assign.rank(), " needs ", FormatBytes(place.needs[assign.rank()]), together,
                   "; free are ", FormatBytes(place.room->bytes), " (", place.room->limit, ")"));
}

// Of a rank that keeps its model on an accelerator.
MemoryUse HostSideOf(const MemoryUse& use) {
  return {.workspace_bytes = use.workspace_bytes, .process_bytes = use.process_bytes};
}

// With the keys and values that sampling keeps, of each of `rows` sequences that `sizes` are of.
MemorySizes WithCache(MemorySizes sizes, const v1::JobSpec& spec) {
  const v1::SampleTask& task = spec.sample();
  if (!spec.has_sample() || (task.has_cache() && !task.cache())) return sizes;
  const double rows = std::max(1, task.prompts_size());
  const int sequence = spec.config().model().sequence();
  sizes.cache_bytes =
      sizes.token_cache_bytes / spec.config().train().batch() * rows * sequence;
  return sizes;
}

// Of one rank, at its peak.
AcceleratedMemory UseOf(const v1::JobSpec& spec, const MemorySizes& sizes, int rank,
                        bool accelerated) {
  AcceleratedMemory use;
  if (!spec.has_train()) {
    MemorySizes decoding = WithCache(sizes, spec);
    if (accelerated) decoding.logits_bytes = decoding.accelerator_logits_bytes;
    use.host = use.accelerator = InferenceMemory(decoding);
    if (accelerated) use.host = HostSideOf(use.accelerator);
    return use;
  }
  use = AcceleratedTrainingMemory(sizes, rank == 0);
  if (!accelerated) use.host = TrainingMemory(sizes, rank == 0);
  const double loading = LoadingBytes(sizes) - use.host.activations_bytes;
  use.host.workspace_bytes = std::max(use.host.workspace_bytes, loading);
  return use;
}

// What each rank still has to take, on its host and on its accelerator.
struct Needs {
  std::vector<double> host;
  std::vector<double> accelerator;
};

absl::StatusOr<Needs> NeedsOf(const v1::Assign& assign) {
  ASSIGN_OR_RETURN(const RunPlans plans, RunPlans::Build(assign.spec().config()));
  const StepPlan& plan = plans.fullest();
  Needs needs;
  for (int rank = 0; rank < plan.world_size; ++rank) {
    const bool accelerated = HasAccelerator(assign.members(rank));
    const AcceleratedMemory use = UseOf(assign.spec(), plan.memory_sizes[rank], rank, accelerated);
    // Program and context are there: who asks for the free memory has them already.
    needs.host.push_back(use.host.total_bytes() - kProgramBytes);
    needs.accelerator.push_back(
        accelerated ? use.accelerator.total_bytes() - use.accelerator.process_bytes : 0);
  }
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

absl::Status CheckMemory(const v1::Assign& assign, const FileReader& read,
                         const std::optional<MemoryRoom>& accelerator) {
  ASSIGN_OR_RETURN(const Needs needs, NeedsOf(assign));
  RETURN_IF_ERROR(Demand(assign, {ControlGroupRoom(read), &SameContainer, needs.host}));
  RETURN_IF_ERROR(Demand(assign, {HostRoom(read), &SameKernel, needs.host}));
  return Demand(assign, {accelerator, &SameAccelerator, needs.accelerator});
}

std::optional<std::string> ReadSystemFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace edgetp
