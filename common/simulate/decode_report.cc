#include "common/simulate/decode_report.h"

#include <algorithm>
#include <utility>

#include "common/base/quantile.h"
#include "common/base/status_macros.h"
#include "common/network/attribution.h"
#include "common/network/network_profile.h"
#include "common/plan/context_window.h"
#include "common/plan/plan_report.h"

namespace edgetp {
namespace {

int CapacityOf(const DecodeWork& work, int sequence) {
  return work.cache ? std::min(work.prompt_tokens + work.tokens, sequence) : 0;
}

// After the first pass, whose time is that of the first token.
struct LaterTokens {
  std::vector<double> seconds;
  TimeBreakdown sum;  // of the mean over ranks
};

void Fill(const LaterTokens& later, int batch, v1::DecodeRow* row) {
  if (later.seconds.empty()) return;
  row->set_token_seconds(Quantile(later.seconds, 0.5));
  if (row->token_seconds() > 0) row->set_tokens_per_second(batch / row->token_seconds());
  *row->mutable_breakdown_seconds() =
      ToProto(later.sum / static_cast<int64_t>(later.seconds.size()));
  row->set_communication_share(CommunicationShare(row->breakdown_seconds()));
}

}  // namespace

std::vector<DecodePass> PassesOf(const DecodeWork& work, int sequence) {
  const ContextWindow window(sequence);
  std::vector<DecodePass> passes;
  int64_t kept_from = -1;
  for (int made = 0; made < work.tokens; ++made) {
    const int64_t tokens = int64_t{work.prompt_tokens} + made;
    const int64_t begin = window.Begin(tokens);
    const auto context = static_cast<int>(tokens - begin);
    DecodePass pass{.new_tokens = context, .cached = 0, .capacity = CapacityOf(work, sequence)};
    if (work.cache && begin == kept_from) {
      pass.new_tokens = 1;
      pass.cached = context - 1;
    }
    kept_from = begin;
    passes.push_back(pass);
  }
  return passes;
}

absl::StatusOr<std::vector<v1::MemoryBytes>> DecodeMemory(const PlanOptions& options,
                                                          const DecodeWork& work) {
  const int sequence = options.shape.sequence;
  DecodePass prompts{.new_tokens = std::min(work.prompt_tokens, sequence),
                     .cached = 0,
                     .capacity = CapacityOf(work, sequence)};
  ASSIGN_OR_RETURN(const StepPlan plan, BuildDecodePlan(options, prompts));
  std::vector<v1::MemoryBytes> memory;
  for (const MemoryUse& use : plan.memory) memory.push_back(ToProto(use));
  return memory;
}

double CommunicationShare(const v1::Breakdown& breakdown) {
  double total = 0;
  for (const BreakdownTerm& term : kBreakdownTerms) total += (breakdown.*term.seconds)();
  return total > 0 ? 1 - breakdown.compute() / total : 0;
}

absl::StatusOr<v1::DecodeRow> SimulateDecode(const DecodeCase& run) {
  const PlanOptions& options = run.forecast.plan;
  ASSIGN_OR_RETURN(NetworkOptions network,
                   ResolveNetwork(run.forecast.network, options.world_size));
  ASSIGN_OR_RETURN(TimelineSimulator simulator,
                   MakeSimulator(run.forecast, options.world_size, std::move(network)));
  const std::vector<DeviceOptions> devices = ToDeviceOptions(run.forecast.devices);
  v1::DecodeRow row;
  LaterTokens later;
  double bytes = 0;
  for (const DecodePass& pass : PassesOf(run.work, options.shape.sequence)) {
    ASSIGN_OR_RETURN(const StepPlan plan, BuildDecodePlan(options, pass));
    ASSIGN_OR_RETURN(const StepTimeline timeline,
                     simulator.RunStep(plan, BuildComputeTable(plan, devices)));
    if (row.allreduce_algorithm().empty()) {
      row.set_allreduce_algorithm(MainAlgorithm(simulator, plan));
      row.set_first_token_seconds(timeline.MeanSeconds());
      continue;
    }
    later.seconds.push_back(timeline.MeanSeconds());
    later.sum += timeline.MeanBreakdown();
    bytes += simulator.BytesOnTheWirePerRank(plan);
    if (later.seconds.size() == 1)  // a pass of single tokens may take another one than the prompts
      row.set_allreduce_algorithm(MainAlgorithm(simulator, plan));
  }
  row.set_model(run.model);
  row.set_pattern(options.pattern.Expanded());
  row.set_workers(options.world_size);
  row.set_network(run.forecast.network.name());
  row.set_device(run.device);
  row.set_prompt_tokens(run.work.prompt_tokens);
  row.set_batch(options.batch);
  Fill(later, options.batch, &row);
  if (!later.seconds.empty())
    row.set_bytes_per_token_per_rank(bytes / static_cast<double>(later.seconds.size()) /
                                     options.batch);
  ASSIGN_OR_RETURN(const std::vector<v1::MemoryBytes> memory, DecodeMemory(options, run.work));
  *row.mutable_memory_bytes_per_rank() = {memory.begin(), memory.end()};
  return row;
}

}  // namespace edgetp
