#include "cli/shared/advise_options.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/shared/command.h"
#include "common/advise/cost.h"
#include "common/base/status_macros.h"
#include "common/config/device_mix.h"
#include "common/config/load.h"
#include "common/rpc/signals.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {
namespace {

constexpr char kTensor[] = "tensor";
constexpr char kData[] = "data";
constexpr char kLocal[] = "local";

// The run that all candidates change: alone, so that no rule about ranks is asked.
RunFlags Alone(const AdviseFlags& flags) {
  RunFlags alone = flags.run;
  alone.workers = 1;
  alone.network.reset();
  alone.link = {};
  return alone;
}

absl::StatusOr<std::vector<AdvisedDevices>> ResolveDevices(const AdviseFlags& flags) {
  if (flags.devices.empty()) {
    const auto known = ConfigLibrary::Default(flags.run.config_path).Names(ConfigKind::kDevice);
    return absl::InvalidArgumentError(
        absl::StrCat("--devices: must be given, e.g. raspberry-pi-5*4+jetson-orin-nano (known: ",
                     absl::StrJoin(known, ", "), "; or files)"));
  }
  absl::StatusOr<std::vector<DevicePart>> parts = ParseDeviceMix(flags.devices);
  RETURN_IF_ERROR(Annotate(parts.status(), "--devices"));
  std::vector<AdvisedDevices> devices;
  for (const DevicePart& part : *parts) {
    const int count = part.count.value_or(1);
    const auto same = std::find_if(devices.begin(), devices.end(),
                                   [&](const auto& known) { return known.name == part.name; });
    if (same != devices.end()) {
      same->count += count;
      continue;
    }
    RunFlags run = Alone(flags);
    run.device = part.name;
    ASSIGN_OR_RETURN(const v1::RunConfig config, ResolvePlan(run));
    devices.push_back({part.name, config.device(), count});
  }
  return devices;
}

absl::StatusOr<v1::NetworkProfile> ResolveAdvisedNetwork(const AdviseFlags& flags, int pool,
                                                         const v1::RunConfig& config,
                                                         std::vector<std::string>* notes) {
  ASSIGN_OR_RETURN(std::optional<v1::NetworkProfile> typed, ResolveNetworkFlags(flags.run, pool));
  const bool named = typed.has_value();
  v1::NetworkProfile network = named ? *std::move(typed) : config.network();
  const bool unlimited = !config.has_network() || network.name() == UnlimitedNetwork().name();
  if (!named && unlimited) {
    return absl::InvalidArgumentError(
        "--network: must be given (see `edgetp network list`): it decides the answer; none is one "
        "without limits");
  }
  if (network.events().empty()) return network;
  notes->push_back(absl::StrCat("network ", network.name(),
                                " changes over time: the answer is for its first state"));
  network.clear_events();
  network.clear_repeat_seconds();
  return network;
}

absl::StatusOr<int> ResolveSequences(const AdviseFlags& flags, const v1::RunConfig& config) {
  const int64_t sequence = config.model().sequence();
  if (!flags.batch_tokens.has_value())
    return config.train().batch() * config.train().micro_batches();
  const int64_t tokens = *flags.batch_tokens;
  if (tokens < sequence || tokens % sequence != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--batch_tokens: must be a multiple of the sequence's ", sequence,
                     " tokens (got ", tokens, "): a step has whole sequences"));
  }
  constexpr int64_t kMostSequences = 1 << 16;
  if (tokens / sequence > kMostSequences) {
    return absl::InvalidArgumentError(absl::StrCat("--batch_tokens: at most ", kMostSequences,
                                                   " sequences of ", sequence, " tokens (got ",
                                                   tokens, ")"));
  }
  return static_cast<int>(tokens / sequence);
}

void AddOption(const char* name, const std::optional<std::string>& value,
               std::vector<std::string>* words) {
  if (value.has_value()) words->push_back(absl::StrCat("--", name, "=", *value));
}

// What is the same in all commands; the network only where there is somebody to talk to.
std::vector<std::string> CommonWords(const AdviseFlags& flags, bool network) {
  std::vector<std::string> words;
  const RunFlags& run = flags.run;
  if (!run.config_path.empty()) AddOption("config_path", run.config_path, &words);
  AddOption("config", run.config, &words);
  AddOption("model", run.model, &words);
  if (run.sequence.has_value()) AddOption("sequence", absl::StrCat(*run.sequence), &words);
  if (network) {
    AddOption("network", run.network, &words);
    AddOption("delay", run.link.delay, &words);
    AddOption("jitter", run.link.jitter, &words);
    AddOption("rate", run.link.rate, &words);
    AddOption("loss", run.link.loss, &words);
    AddOption("header_share", run.link.header_share, &words);
    AddOption("window", run.link.window, &words);
  }
  if (run.seed.has_value()) AddOption("seed", absl::StrCat(*run.seed), &words);
  for (const std::string& assignment : run.set) AddOption("set", assignment, &words);
  return words;
}

bool SharesTensors(const v1::AdvisedCandidate& candidate) {
  return absl::StrContains(candidate.strategy(), kTensor);
}

// Which option names the format of what the candidate exchanges.
void AddWires(const v1::AdvisedCandidate& candidate, std::vector<std::string>* words) {
  if (candidate.wire() == "fp32") return;
  const bool data = absl::StartsWith(candidate.strategy(), kData);
  const bool replicas = data || candidate.strategy() == kLocal;
  const bool activations = !replicas || absl::StrContains(candidate.strategy(), ',');
  if (activations) AddOption("wire", candidate.wire(), words);
  if (replicas) AddOption("wire_grad_sync", candidate.wire(), words);
}

// What tells the candidate from others. Where the user may have set a field, it is set once more: the
// last one counts.
std::vector<std::string> CandidateWords(const v1::AdvisedCandidate& candidate) {
  std::vector<std::string> words = {
      absl::StrCat("--workers=", candidate.workers()),
      absl::StrCat("--device=", candidate.devices()),
      absl::StrCat("--set=train.batch=", candidate.batch()),
      absl::StrCat("--set=train.micro_batches=", candidate.micro_batches())};
  // Also the dense one: a preset may say another.
  AddOption("pattern", candidate.pattern(), &words);
  if (candidate.recompute()) words.push_back("--recompute");
  if (candidate.workers() == 1) return words;
  if (candidate.strategy() != kTensor) AddOption("strategy", candidate.strategy(), &words);
  if (!candidate.schedule().empty()) AddOption("schedule", candidate.schedule(), &words);
  AddWires(candidate, &words);
  if (!SharesTensors(candidate)) return words;
  if (candidate.overlap() != "NONE")
    AddOption("overlap", absl::AsciiStrToLower(candidate.overlap()), &words);
  if (candidate.vocabulary_parallel()) words.push_back("--vocabulary_parallel");
  if (!candidate.split().empty())
    words.push_back(absl::StrCat("--set=split=", absl::StrJoin(candidate.split(), ",")));
  return words;
}

std::string CommandLine(const std::string& command, const std::vector<std::string>& common,
                        const std::vector<std::string>& own) {
  std::string line = absl::StrCat("edgetp ", command);
  for (const auto& words : {common, own}) {
    for (const std::string& word : words) absl::StrAppend(&line, " ", ShellWord(word));
  }
  return line;
}

// Workers execute what has one axis and no stages.
bool IsExecuted(const v1::AdvisedCandidate& candidate) {
  const std::string& strategy = candidate.strategy();
  return candidate.workers() == 1 || strategy == kTensor || strategy == kData || strategy == kLocal;
}

void FillCommands(const AdviseFlags& flags, v1::AdvisedCandidate* candidate) {
  const std::vector<std::string> common = CommonWords(flags, candidate->workers() > 1);
  const std::vector<std::string> own = CandidateWords(*candidate);
  std::vector<std::string> simulated = own;
  if (candidate->has_steps()) simulated.push_back(absl::StrCat("--steps=", candidate->steps()));
  candidate->set_simulate_command(CommandLine("simulate", common, simulated));
  if (!IsExecuted(*candidate)) return;
  candidate->set_train_command(CommandLine("train", common, own));
  candidate->set_simulated_clock_command(CommandLine("train --clock=simulated", common, own));
}

}  // namespace

AdviseProblem ResolveAdvise(const AdviseFlags& flags, Faults* faults,
                            std::vector<std::string>* notes) {
  AdviseProblem problem;
  problem.goal = faults->Take(ParseAdviseGoal(flags.goal));
  problem.max_workers = flags.max_workers;
  problem.exact = flags.exact;
  problem.rows = flags.rows;
  const absl::StatusOr<v1::RunConfig> config = ResolvePlan(Alone(flags));
  faults->Add(config.status());
  if (!config.ok()) return problem;
  problem.model = config->model().name();
  problem.base = faults->Take(ToForecastCase(*config));
  problem.base.stop = [] { return ShutdownSignal() != 0; };
  problem.devices = faults->Take(ResolveDevices(flags));
  problem.sequences = faults->Take(ResolveSequences(flags, *config));
  int pool = 0;
  for (const AdvisedDevices& devices : problem.devices) pool += devices.count;
  problem.base.network =
      faults->Take(ResolveAdvisedNetwork(flags, std::max(1, pool), *config, notes));
  if (faults->status().ok()) faults->Add(CheckGoal(problem));
  return problem;
}

void FillCommands(const AdviseFlags& flags, v1::AdviseReport* report) {
  for (auto* list : {report->mutable_best(), report->mutable_best_of_strategy()}) {
    for (v1::AdvisedCandidate& candidate : *list) FillCommands(flags, &candidate);
  }
  if (report->has_best_one()) FillCommands(flags, report->mutable_best_one());
  if (report->has_best_exact()) FillCommands(flags, report->mutable_best_exact());
}

}  // namespace edgetp
