#include "cli/shared/search_jobs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/config/load.h"
#include "common/data/batches.h"
#include "common/plan/pattern.h"
#include "common/plan/plan_report.h"
#include "common/rpc/signals.h"
#include "common/search/mixtures.h"
#include "common/simulate/choose_algorithm.h"
#include "common/simulate/simulate_report.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {
namespace {

constexpr char kBaseline[] = "t";
// Enough for a median that the first, slower steps do not move.
constexpr int kHostSteps = 10;

absl::Status Refuse(const std::string& place, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat(place, ": ", rule));
}

// The baseline, then the others as they are written in patterns, each once.
absl::StatusOr<std::vector<std::string>> ReadLetters(const std::vector<std::string>& typed) {
  std::vector<std::string> letters = {kBaseline};
  for (const std::string& text : typed) {
    const auto pattern = Pattern::Parse(text, /*layers=*/0);
    if (!pattern.ok()) return Annotate(pattern.status(), "--letters");
    if (pattern->layers() != 1) {
      return Refuse("--letters", absl::StrCat("\"", text, "\" is ", pattern->layers(),
                                              " blocks: one letter each, separated by ','"));
    }
    const std::string letter = pattern->Expanded();
    if (std::find(letters.begin(), letters.end(), letter) == letters.end())
      letters.push_back(letter);
  }
  if (letters.size() > 1) return letters;
  return Refuse("--letters", "a letter beside t is needed, which all patterns are compared with");
}

// Whether a block of weights that were trained as the dense model is that model on one worker.
bool KeepsWeights(const PatternBlock& block, const v1::ModelConfig& model) {
  const BlockTraits& traits = TraitsOf(block.kind);
  return traits.second_norm && traits.slack == 0 && (traits.output_biases || !model.biases());
}

}  // namespace

absl::StatusOr<SearchJobs> SearchJobs::Prepare(const SearchFlags& flags) {
  SearchJobs jobs(flags);
  RETURN_IF_ERROR(jobs.ReadFlags());
  RETURN_IF_ERROR(jobs.evaluates_ ? jobs.PrepareEvaluation() : jobs.PrepareTraining());
  jobs.options_.layers = jobs.config_.model().layers();
  jobs.devices_ = DevicesOf(jobs.config_);
  jobs.device_ = DescribeDevices(jobs.config_);
  return jobs;
}

absl::Status SearchJobs::ReadFlags() {
  Faults faults;
  evaluates_ = !flags_.weights.empty();
  options_.letters = faults.Take(ReadLetters(flags_.letters));
  auto budget = ParseLossBudget(flags_.budget_loss);
  faults.Add(Annotate(budget.status(), "--budget_loss"));
  if (budget.ok()) budget_ = *std::move(budget);
  if (evaluates_ && (flags_.train.run.steps.has_value() || flags_.seeds > 1)) {
    faults.Add(Refuse(flags_.seeds > 1 ? "--seeds" : "--steps",
                      "--weights are evaluated as they are: nothing is trained"));
  }
  if (!evaluates_ && flags_.eval_windows.has_value()) {
    flags_.train.run.set.push_back(absl::StrCat("train.eval_windows=", *flags_.eval_windows));
  }
  options_.factor = flags_.factor;
  options_.seeds = flags_.seeds;
  options_.max_mixtures = flags_.max_mixtures;
  return faults.status();
}

absl::StatusOr<v1::RunConfig> SearchJobs::Resolve(const std::string& letter,
                                                  const TrainInputs& inputs) const {
  RunFlags run = flags_.train.run;
  ASSIGN_OR_RETURN(const v1::RunConfig dense, ResolveTraining(run, inputs));
  run.pattern = AllOf(letter, dense.model().layers());
  return ResolveTraining(run, inputs);
}

absl::Status SearchJobs::PrepareTraining() {
  flags_.train.run.clock = "simulated";
  Faults faults;
  inputs_ = LoadTrainInputs(flags_.train, &faults);
  RETURN_IF_ERROR(faults.status());
  // Twice: first without the data, which may have to be downloaded.
  for (const bool with_data : {false, true}) {
    if (with_data) RETURN_IF_ERROR(LoadTrainData(flags_.train, &inputs_));
    ASSIGN_OR_RETURN(config_, Resolve(kBaseline, inputs_));
    RETURN_IF_ERROR(CheckConfig());
    for (const std::string& letter : options_.letters)
      RETURN_IF_ERROR(Resolve(letter, inputs_).status());
  }
  options_.amounts = Rungs(config_.train().steps(), flags_.rungs, flags_.factor);
  blobs_ = TrainBlobs(inputs_);
  inputs_.weights.reset();  // the blobs have them
  return absl::OkStatus();
}

absl::Status SearchJobs::PrepareEvaluation() {
  WeightsFlags weights;
  weights.run = flags_.train.run;
  weights.cluster = flags_.train.cluster;
  weights.weights = flags_.weights;
  ASSIGN_OR_RETURN(EvalInputs inputs, PrepareEval(weights));
  config_ = inputs.config;
  config_.set_pattern(AllOf(kBaseline, config_.model().layers()));
  RETURN_IF_ERROR(CheckConfig());
  RETURN_IF_ERROR(CheckZeroShot());
  const int64_t windows = CountEvaluationWindows(*inputs.corpus, config_.model().sequence());
  const int64_t longest = std::min<int64_t>(windows, flags_.eval_windows.value_or(windows));
  options_.amounts = Rungs(static_cast<int>(longest), flags_.rungs, flags_.factor);
  blobs_ = EvalBlobs(std::move(inputs));
  return absl::OkStatus();
}

absl::Status SearchJobs::CheckConfig() const {
  const int layers = config_.model().layers();
  if (layers < 2) {
    return Refuse("model.layers", absl::StrCat("a mixture of letters needs 2 at least (got ",
                                               layers, "); `edgetp sweep` compares patterns"));
  }
  if (config_.workers() < 2)
    return Refuse("--workers", "one worker has no sync points: 2 at least (got 1)");
  if (config_.has_network()) return absl::OkStatus();
  return Refuse("--network",
                "must be given: step times are simulated over it (see `edgetp network list`)");
}

absl::Status SearchJobs::CheckZeroShot() const {
  for (const std::string& letter : options_.letters) {
    ASSIGN_OR_RETURN(const Pattern pattern, Pattern::Parse(letter, /*layers=*/1));
    const PatternBlock& block = pattern.blocks().front();
    RETURN_IF_ERROR(Annotate(pattern.CheckChannels(config_.model().channels()), "--letters"));
    if (KeepsWeights(block, config_.model())) continue;
    return Refuse("--letters",
                  absl::StrCat(letter, " is another model than the weights were trained as (",
                               TraitsOf(block.kind).changes,
                               "): leave it out, or search with --init_from, which trains"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::JobSpec> SearchJobs::SpecOf(const Trial& trial) const {
  if (evaluates_) {
    v1::RunConfig config = config_;
    config.set_pattern(trial.pattern);
    return EvalSpec(config, trial.amount);
  }
  RunFlags run = flags_.train.run;
  run.pattern = trial.pattern;
  run.steps = trial.amount;
  run.seed = SeedOf(trial);
  ASSIGN_OR_RETURN(v1::RunConfig config, ResolveTraining(run, inputs_));
  // Nobody looks at the losses on the way; they change nothing.
  config.mutable_train()->set_eval_interval(trial.amount);
  return TrainSpec(flags_.train, config);
}

double SearchJobs::LossOf(const JobOutcome& outcome) {
  if (outcome.result.has_value() && outcome.result->has_eval())
    return outcome.result->eval().loss();
  return outcome.summary->final().val_loss();
}

v1::JobSpec SearchJobs::HostSpec() const {
  v1::JobSpec spec;
  v1::RunConfig& config = *spec.mutable_config();
  config = config_;
  config.set_clock(v1::CLOCK_SIMULATED);
  *config.mutable_network() = UnlimitedNetwork();
  FillDefaults(config.mutable_network());
  config.mutable_train()->set_steps(kHostSteps);
  config.mutable_train()->set_eval_interval(kHostSteps);
  config.mutable_train()->set_eval_windows(1);
  spec.mutable_train();
  return spec;
}

absl::Status SearchJobs::TakeHost(const v1::RunSummary& summary) {
  if (summary.mean_step_seconds() <= 0 || summary.breakdown_seconds().compute() <= 0)
    return absl::InternalError(
        absl::StrCat("measure the host's compute: run ", summary.run(), " has no times"));
  // The mean has the first, slower steps; the median has not.
  const double compute = summary.breakdown_seconds().compute() * summary.step_seconds().median() /
                         summary.mean_step_seconds();
  ASSIGN_OR_RETURN(const PlanOptions options, ToPlanOptions(config_));
  ASSIGN_OR_RETURN(const v1::PlanReport plan, BuildPlanReport("", options));
  v1::DeviceProfile host;
  host.set_name("host");
  host.set_flops_per_second(plan.flops_per_step() / config_.workers() / compute);
  host.set_message_overhead_us(absl::ToDoubleMicroseconds(kHostMessageOverhead));
  devices_ = {host};
  device_ = absl::StrCat("host (measured, ", kHostSteps, " steps)");
  return absl::OkStatus();
}

absl::StatusOr<double> SearchJobs::StepSeconds(const std::string& pattern) const {
  v1::RunConfig config = config_;
  config.set_pattern(pattern);
  SimulateCase run;
  ASSIGN_OR_RETURN(run.forecast, ToForecastCase(config));
  run.forecast.devices = devices_;
  run.forecast.stop = [] { return ShutdownSignal() != 0; };
  ASSIGN_OR_RETURN(const v1::SimulateReport report, Simulate(run));
  return report.step_seconds();
}

double SearchJobs::TokensPerStep() const {
  return 1.0 * config_.train().batch() * config_.train().micro_batches() *
         config_.model().sequence();
}

void SearchJobs::Describe(v1::SearchReport* report) const {
  report->set_model(config_.model().name());
  report->set_workers(config_.workers());
  report->set_network(config_.network().name());
  report->set_device(device_);
  report->set_method(evaluates_ ? "eval" : "train");
  report->set_unit(unit());
}

}  // namespace edgetp
