#include "common/simulate/board_report.h"

#include <algorithm>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/network/network_profile.h"
#include "common/plan/llama_plan.h"
#include "common/simulate/simulate_report.h"
#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

// Everything goes through the root, whatever is asked for elsewhere.
constexpr char kAlgorithm[] = "star";
// Q80: 32 values share a scale.
constexpr char kDefaultWire[] = "int8:g32";
// The first token starts with all ranks at once; the third as in the middle of a text.
constexpr int kTokens = 3;
constexpr absl::Duration kMaxOverhead = absl::Milliseconds(100);

double BytesTouched(const StepPlan& plan, int rank) {
  double bytes = 0;
  for (const PlanStep& step : plan.steps[rank]) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) bytes += compute->bytes_touched;
  }
  return bytes;
}

// The root's share of a token.
struct Token {
  double seconds = 0;
  double transfer_bytes = 0;
  TimeBreakdown terms;
};

// Rows of one set: the same boards, the same program.
class ScenarioBoards {
 public:
  ScenarioBoards(const v1::BoardScenario& scenario, const v1::BoardSet& set)
      : scenario_(scenario), set_(set) {}

  absl::Status Fit() {
    const v1::BoardRow* const first = RowFor(v1::BoardRow::USE_FIT_COMPUTE);
    RETURN_IF_ERROR(Annotate(FitCompute(*first),
                             absl::StrCat(first->model(), " on ", first->boards(), " boards")));
    const v1::BoardRow* const second = RowFor(v1::BoardRow::USE_FIT_SOFTWARE);
    return second == nullptr ? absl::OkStatus() : FitSoftware(*second);
  }

  absl::StatusOr<Token> Simulate(const v1::BoardRow& row) const {
    ASSIGN_OR_RETURN(const StepPlan plan, PlanOf(row));
    TimelineOptions options;
    options.world_size = row.boards();
    options.algorithm = kAlgorithm;
    options.devices = {device_};
    ASSIGN_OR_RETURN(options.network, ResolveNetwork(scenario_.network(), row.boards()));
    ASSIGN_OR_RETURN(TimelineSimulator simulator, TimelineSimulator::Create(std::move(options)));
    const ComputeTable compute = BuildComputeTable(plan, {device_});
    Token token;
    for (int i = 0; i < kTokens; ++i) {
      ASSIGN_OR_RETURN(const StepTimeline timeline, simulator.RunStep(plan, compute));
      const RankStep& root = timeline.ranks.front();
      token.seconds = absl::ToDoubleSeconds(root.end - root.begin);
      token.terms = root.breakdown;
    }
    // Whatever is sent, the root sends or receives it.
    token.transfer_bytes = simulator.BytesOnTheWirePerRank(plan) * row.boards();
    return token;
  }

  const DeviceOptions& device() const { return device_; }

 private:
  // The root waits for the others only where they have as much to do: what a token takes beyond its
  // exchanges is the root's computing.
  absl::Status FitCompute(const v1::BoardRow& row) {
    ASSIGN_OR_RETURN(const StepPlan plan, PlanOf(row));
    device_ = {};
    ASSIGN_OR_RETURN(const Token exchanges, Simulate(row));
    const double compute_seconds = 1e-3 * row.token_ms() - exchanges.seconds;
    if (compute_seconds <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("no speed of a board fits: the exchanges alone take ", exchanges.seconds,
                       " s (published: ", 1e-3 * row.token_ms(), " s)"));
    }
    device_.memory_bytes_per_second = BytesTouched(plan, 0) / compute_seconds;
    return absl::OkStatus();
  }

  absl::Status FitSoftware(const v1::BoardRow& two) {
    const auto seconds_at = [&](absl::Duration overhead) -> absl::StatusOr<double> {
      device_.message_overhead = overhead;
      ASSIGN_OR_RETURN(const Token token, Simulate(two));
      return token.seconds;
    };
    const auto fitted = FitMessageOverhead(seconds_at, 1e-3 * two.token_ms());
    RETURN_IF_ERROR(Annotate(fitted.status(), absl::StrCat(two.model(), " on two boards")));
    device_.message_overhead = *fitted;
    return absl::OkStatus();
  }

  // Validation has seen to it that there is one that fits compute.
  const v1::BoardRow* RowFor(v1::BoardRow::Use use) const {
    const auto row = std::find_if(set_.rows().begin(), set_.rows().end(),
                                  [&](const v1::BoardRow& row) { return row.use() == use; });
    return row == set_.rows().end() ? nullptr : &*row;
  }

  absl::StatusOr<StepPlan> PlanOf(const v1::BoardRow& row) const {
    const auto model = std::find_if(
        scenario_.models().begin(), scenario_.models().end(),
        [&](const v1::LlamaConfig& candidate) { return candidate.name() == row.model(); });
    LlamaOptions options;
    options.shape = ToLlamaShape(*model);
    options.world_size = row.boards();
    options.context = scenario_.context();
    ASSIGN_OR_RETURN(options.wire, WireFormat::Parse(set_.has_wire() ? set_.wire() : kDefaultWire));
    options.sync = ToLlamaSync(set_.sync());
    if (set_.weights() == v1::BoardSet::WEIGHTS_FP32) options.weights = LlamaWeights::kFloat32;
    const auto plan = BuildLlamaPlan(options);
    return plan.ok() ? plan : Annotate(plan.status(), row.model());
  }

  const v1::BoardScenario& scenario_;
  const v1::BoardSet& set_;
  DeviceOptions device_;
};

const char* NameOf(v1::BoardRow::Use use) {
  switch (use) {
    case v1::BoardRow::USE_FIT_COMPUTE:
      return "fit_compute";
    case v1::BoardRow::USE_FIT_SOFTWARE:
      return "fit_software";
    default:
      return "predict";
  }
}

void FillRow(const v1::BoardRow& row, const Token& token, v1::BoardRowReport* out) {
  const double published = 1e-3 * row.token_ms();
  out->set_model(row.model());
  out->set_boards(row.boards());
  out->set_use(NameOf(row.use()));
  out->set_published_token_seconds(published);
  out->set_token_seconds(token.seconds);
  out->set_error_share(token.seconds / published - 1);
  out->set_published_compute_seconds(1e-3 * row.compute_ms());
  out->set_compute_seconds(absl::ToDoubleSeconds(token.terms.compute));
  out->set_published_transfer_seconds(1e-3 * row.transfer_ms());
  out->set_transfer_seconds(token.seconds - out->compute_seconds());
  out->set_published_transfer_bytes(1024 * row.transfer_kib());
  out->set_transfer_bytes(token.transfer_bytes);
  *out->mutable_breakdown_seconds() = ToProto(token.terms);
}

// The row with the same model and the next smaller number of boards.
const v1::BoardRowReport* FewerBoards(const v1::BoardSetReport& set,
                                      const v1::BoardRowReport& row) {
  const v1::BoardRowReport* fewer = nullptr;
  for (const v1::BoardRowReport& other : set.rows()) {
    if (other.model() != row.model() || other.boards() >= row.boards()) continue;
    if (fewer == nullptr || other.boards() > fewer->boards()) fewer = &other;
  }
  return fewer;
}

void FillRatios(v1::BoardSetReport* set) {
  for (v1::BoardRowReport& row : *set->mutable_rows()) {
    const v1::BoardRowReport* fewer = FewerBoards(*set, row);
    if (fewer == nullptr) continue;
    row.set_fewer_boards(fewer->boards());
    row.set_published_ratio(row.published_token_seconds() / fewer->published_token_seconds());
    row.set_ratio(row.token_seconds() / fewer->token_seconds());
  }
}

absl::Status PredictSet(const v1::BoardScenario& scenario, const v1::BoardSet& set,
                        v1::BoardSetReport* report) {
  ScenarioBoards boards(scenario, set);
  RETURN_IF_ERROR(boards.Fit());
  report->set_name(set.name());
  report->set_memory_bytes_per_second(boards.device().memory_bytes_per_second);
  report->set_message_overhead_us(absl::ToDoubleMicroseconds(boards.device().message_overhead));
  for (const v1::BoardRow& row : set.rows()) {
    ASSIGN_OR_RETURN(const Token token, boards.Simulate(row));
    FillRow(row, token, report->add_rows());
  }
  FillRatios(report);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<absl::Duration> FitMessageOverhead(const SecondsAtOverhead& seconds_at,
                                                  double seconds) {
  absl::Duration low = absl::ZeroDuration();
  absl::Duration high = kMaxOverhead;
  ASSIGN_OR_RETURN(const double least, seconds_at(low));
  ASSIGN_OR_RETURN(const double most, seconds_at(high));
  if (!(least <= seconds && seconds <= most)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no software cost of a message fits: a token takes ", least, " s without any and ", most,
        " s with ", absl::FormatDuration(high), " (published: ", seconds, " s)"));
  }
  while (high - low > absl::Nanoseconds(1)) {
    const absl::Duration middle = low + (high - low) / 2;
    ASSIGN_OR_RETURN(const double at, seconds_at(middle));
    (at < seconds ? low : high) = middle;
  }
  return high;
}

absl::StatusOr<v1::BoardReport> PredictBoards(const v1::BoardScenario& scenario) {
  v1::BoardReport report;
  report.set_scenario(scenario.name());
  report.set_network(scenario.network().name());
  for (const v1::BoardSet& set : scenario.sets()) {
    RETURN_IF_ERROR(Annotate(PredictSet(scenario, set, report.add_sets()), set.name()));
  }
  return report;
}

}  // namespace edgetp
