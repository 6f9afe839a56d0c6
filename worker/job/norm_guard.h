// The guard against spikes of the loss: a step whose gradient has an outlying norm changes nothing.
// It decides by the norms alone, which are the same bits on all ranks, so the ranks need not agree.
// (Local replicas, which train by themselves between two exchanges, decide by themselves.) Passive;
// one thread uses it.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "common/data/named_tensor.h"

namespace edgetp {

class NormGuard {
 public:
  // Norms that it remembers, the newest ones; those of skipped steps are among them, so that it
  // gets used to gradients that stay larger.
  static constexpr size_t kWindow = 100;
  // So many it must have seen before it judges.
  static constexpr size_t kFirst = 20;
  // Steps in a row whose norm is not finite: nothing changes any more, so no later one will be.
  static constexpr int kHopeless = 20;

  // `factor`: outliers are above so many times the median norm (Quantile). Absent: there are none.
  explicit NormGuard(std::optional<double> factor) : factor_(factor) {}

  // Of the next step, for UpdateRule; absent: every step counts. Finite, so that a norm that is not
  // finite is an outlier from the first step on.
  std::optional<double> Limit() const;

  // After each step.
  // Errors: OutOfRange after kHopeless norms in a row that are not finite.
  absl::Status Add(double norm, bool skipped);

  // Steps that changed nothing.
  int skipped() const { return skipped_; }

  // For a checkpoint: "optimizer.guard.norms", oldest first, and "optimizer.guard.skipped". No
  // tensor where there is nothing to remember. A run that goes on from it decides as this one.
  std::vector<NamedTensor> State() const;
  // Errors: InvalidArgument naming a tensor that is none of State's.
  absl::Status Restore(const std::vector<NamedTensor>& tensors);

 private:
  std::optional<double> factor_;
  std::deque<float> norms_;  // as a checkpoint holds them
  int skipped_ = 0;
  int not_finite_ = 0;  // in a row
};

}  // namespace edgetp
