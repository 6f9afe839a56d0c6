// The passes of a decoder as steps of a job: each is audited against its plan, paced where there is
// a device profile, and accounted for. Used by sample_text.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/plan/step_plan.h"
#include "common/simulate/compute_cost.h"
#include "edgetp/v1/config.pb.h"
#include "worker/collective/collective_group.h"
#include "worker/model/decoder.h"

namespace edgetp {

// into += part, term by term; what is by compute segment is appended.
void Accumulate(const StepStats& part, StepStats* into);

class DecodePasses {
 public:
  // `consume` gets the logits of a pass within its step: choosing tokens is part of what they cost.
  using Consume = std::function<void(const std::vector<float>& logits)>;

  // `decoder` and `group` must outlive it. `capacity`: that of the decoder.
  // Errors: those of ToInferenceOptions.
  static absl::StatusOr<DecodePasses> Create(const v1::RunConfig& config, int capacity,
                                             Decoder* decoder, CollectiveGroup* group);

  // `step`: as for CollectiveGroup::BeginStep. Costs are added to `stats`.
  // Errors: those of the decoder and of CollectiveGroup::EndStep.
  absl::Status Begin(int step, absl::Span<const int> rows,
                     const std::vector<std::vector<int64_t>>& contexts, const Consume& consume,
                     StepStats* stats);
  // `longest`: tokens that are kept of the longest of these rows.
  absl::Status Append(int step, absl::Span<const int> rows, absl::Span<const int64_t> tokens,
                      int longest, const Consume& consume, StepStats* stats);

 private:
  // What a pass does, and how long its compute takes on the device, if there is one.
  struct Expected {
    int rows = 0;
    DecodePass pass;
    std::vector<CollectiveStep> collectives;
    std::vector<absl::Duration> compute;
  };

  DecodePasses() = default;
  absl::Status Expect(size_t rows, const DecodePass& pass);
  absl::Status Run(int step, const std::function<absl::StatusOr<std::vector<float>>()>& compute,
                   const Consume& consume, StepStats* stats);

  PlanOptions options_;
  std::vector<DeviceOptions> devices_;  // empty: compute takes what it takes here
  int capacity_ = 0;
  Decoder* decoder_ = nullptr;
  CollectiveGroup* group_ = nullptr;
  Expected expected_;  // of the last pass; the next one is often alike
};

}  // namespace edgetp
