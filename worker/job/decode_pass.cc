#include "worker/job/decode_pass.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "common/config/run_plans.h"
#include "common/network/attribution.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {
namespace {

void Accumulate(const v1::TrafficBytes& part, v1::TrafficBytes* into) {
  into->set_activation_fwd(into->activation_fwd() + part.activation_fwd());
  into->set_activation_bwd(into->activation_bwd() + part.activation_bwd());
  into->set_grad_sync(into->grad_sync() + part.grad_sync());
  into->set_scalar(into->scalar() + part.scalar());
  into->set_control(into->control() + part.control());
}

void Accumulate(const v1::Fidelity& part, v1::Fidelity* into) {
  into->set_messages(into->messages() + part.messages());
  into->set_late_messages(into->late_messages() + part.late_messages());
  into->set_late_seconds(into->late_seconds() + part.late_seconds());
  into->set_overrun_seconds(into->overrun_seconds() + part.overrun_seconds());
  into->set_elapsed_seconds(into->elapsed_seconds() + part.elapsed_seconds());
  into->set_error_p99_us(std::max(into->error_p99_us(), part.error_p99_us()));
  into->set_error_max_us(std::max(into->error_max_us(), part.error_max_us()));
  into->set_held_by_senders(into->held_by_senders() || part.held_by_senders());
  into->set_clock_bound_us(std::max(into->clock_bound_us(), part.clock_bound_us()));
  into->set_clock_seconds(into->clock_seconds() + part.clock_seconds());
}

}  // namespace

void Accumulate(const StepStats& part, StepStats* into) {
  into->elapsed += part.elapsed;
  for (const BreakdownTerm& term : kBreakdownTerms) {
    v1::Breakdown& sum = into->breakdown_seconds;
    (sum.*term.set_seconds)((sum.*term.seconds)() + (part.breakdown_seconds.*term.seconds)());
  }
  Accumulate(part.bytes, &into->bytes);
  into->hidden += part.hidden;
  into->exposed_software += part.exposed_software;
  into->messages += part.messages;
  into->staged_bytes += part.staged_bytes;
  Accumulate(part.fidelity, &into->fidelity);
  into->compute_gaps.insert(into->compute_gaps.end(), part.compute_gaps.begin(),
                            part.compute_gaps.end());
}

absl::StatusOr<DecodePasses> DecodePasses::Create(const v1::RunConfig& config, int capacity,
                                                  Decoder* decoder, CollectiveGroup* group) {
  DecodePasses passes;
  ASSIGN_OR_RETURN(passes.options_, ToInferenceOptions(config));
  if (config.clock() != v1::CLOCK_SIMULATED) passes.devices_ = DeviceOptionsOf(config);
  passes.capacity_ = capacity;
  passes.decoder_ = decoder;
  passes.group_ = group;
  return passes;
}

absl::Status DecodePasses::Begin(int step, absl::Span<const int> rows,
                                 const std::vector<std::vector<int64_t>>& contexts,
                                 const Consume& consume, StepStats* stats) {
  DecodePass pass{.new_tokens = 0, .cached = 0, .capacity = capacity_};
  for (const std::vector<int64_t>& context : contexts)
    pass.new_tokens = std::max(pass.new_tokens, static_cast<int>(context.size()));
  RETURN_IF_ERROR(Expect(rows.size(), pass));
  return Run(
      step, [&] { return decoder_->Begin(rows, contexts); }, consume, stats);
}

absl::Status DecodePasses::Append(int step, absl::Span<const int> rows,
                                  absl::Span<const int64_t> tokens, int longest,
                                  const Consume& consume, StepStats* stats) {
  RETURN_IF_ERROR(Expect(rows.size(), {.new_tokens = 1, .cached = longest, .capacity = capacity_}));
  return Run(
      step, [&] { return decoder_->Append(rows, tokens); }, consume, stats);
}

// The collectives of a pass do not depend on what is kept; what a device takes for it does.
absl::Status DecodePasses::Expect(size_t rows, const DecodePass& pass) {
  const auto count = static_cast<int>(rows);
  if (devices_.empty() && expected_.rows == count && expected_.pass.new_tokens == pass.new_tokens)
    return absl::OkStatus();
  options_.batch = count;
  ASSIGN_OR_RETURN(const StepPlan plan, BuildDecodePlan(options_, pass));
  const std::vector<PlanStep>& list = ListOf(plan, group_->rank());
  expected_ = {count, pass, CollectiveEntries(list), {}};
  if (!devices_.empty())
    expected_.compute = SegmentDurations(list, OfRank(devices_, group_->rank()));
  return absl::OkStatus();
}

absl::Status DecodePasses::Run(int step,
                               const std::function<absl::StatusOr<std::vector<float>>()>& compute,
                               const Consume& consume, StepStats* stats) {
  group_->BeginStep(step, expected_.collectives, expected_.compute);
  ASSIGN_OR_RETURN(const std::vector<float> logits, compute());
  consume(logits);
  RETURN_IF_ERROR(group_->EndStep());
  Accumulate(group_->TakeStats(), stats);
  return absl::OkStatus();
}

}  // namespace edgetp
