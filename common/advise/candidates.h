// What `edgetp advise` chooses from, as data. A group is what the answer has a row for: devices,
// strategy, pattern, wire format. A layout is how a group does its step: which device is which rank,
// micro-batches, overlap, vocabulary; of a group, the best one counts. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/advise/strategies.h"
#include "common/plan/overlap.h"
#include "common/plan/strategy.h"
#include "common/simulate/simulate_report.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

enum class AdviseGoal {
  kTokens,  // tokens per second
  kStep,    // seconds per optimizer step
  kEnergy,  // joules per token
  kMemory,  // bytes of the fullest device; of equal ones, the faster
};

// Identical devices of the pool.
struct AdvisedDevices {
  std::string name;  // as --device reads it: a preset or a path
  v1::DeviceProfile profile;
  int count = 1;
};

struct AdviseProblem {
  // What all candidates have in common: model, network, seed, segments. Its pattern, world size,
  // batch, formats and devices are not read.
  ForecastCase base;
  std::string model;  // name to print
  std::vector<AdvisedDevices> devices;
  AdviseGoal goal = AdviseGoal::kTokens;
  int sequences = 1;               // of an optimizer step, on all devices together
  std::optional<int> max_workers;  // that a candidate may have
  bool exact = false;              // leave out what changes the loss
  int rows = 10;                   // of the answer
};

struct AdviseGroup {
  AdviseStrategy strategy;
  std::vector<int> devices;  // which of the problem's, the fastest first
  std::string pattern;
  std::string wire;  // of activations both ways, and of what replicas exchange

  int workers() const { return static_cast<int>(devices.size()); }
};

struct AdviseLayout {
  std::vector<int> devices;  // by rank
  int batch = 1;             // sequences per micro-batch of one replica
  int micro_batches = 1;
  Overlap overlap;
  bool vocabulary_parallel = false;
  bool recompute = false;  // activations are computed again: chosen by PlanCandidate
};

struct AdviseCandidate {
  AdviseGroup group;
  AdviseLayout layout;
  std::vector<int> split;  // heads by rank of those that share tensors; empty: even
};

// How fast each of the problem's devices trains the dense model alone, in sequences per second.
// Errors: those of BuildStepPlan.
absl::StatusOr<std::vector<double>> DeviceSpeeds(const AdviseProblem& problem);

struct AdviseSpace {
  std::vector<AdviseGroup> groups;    // of equally good ones, the first counts: the simplest
  std::vector<std::string> left_out;  // what is not in it, in words
};

// `speeds`: of DeviceSpeeds. Identical devices are not permuted.
AdviseSpace BuildAdviseSpace(const AdviseProblem& problem, const std::vector<double>& speeds);

// All layouts of a group, the simplest first.
std::vector<AdviseLayout> LayoutsOf(const AdviseProblem& problem, const AdviseGroup& group);

// The dense model on one device, with all sequences in one micro-batch.
AdviseCandidate DenseAlone(const AdviseProblem& problem, int device);

// What the simulator is asked.
// Errors: InvalidArgument of a pattern or wire format that is none.
absl::StatusOr<SimulateCase> CaseOf(const AdviseProblem& problem, const AdviseCandidate& candidate);

// "tensor t*12 int8 ROWS(2) 6x2": for messages.
std::string NameOf(const AdviseCandidate& candidate);

// Whether candidates of the group compute what the dense model does, to rounding.
bool IsExact(const AdviseGroup& group);

}  // namespace edgetp
