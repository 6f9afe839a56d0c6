// One step of a run as the simulator predicts it: what each rank does when, and what it sends by
// class of traffic. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// A rank does one thing: a term of the breakdown, or, in lane 1, "exchange": one that runs under
// compute. A wait's terms stand in the order of trace.h: their lengths are exact, their places a
// convention.
struct StepSpan {
  int rank = 0;
  int lane = 0;
  const char* kind = "";
  double begin_seconds = 0;  // since the first rank's begin of the step
  double end_seconds = 0;
};

struct StepPicture {
  int ranks = 0;                // of the run
  int ranks_shown = 0;          // the first so many
  double step_seconds = 0;      // until the last rank's end
  double shortest_seconds = 0;  // what is shorter was left out, because nobody would see it
  std::string algorithm;        // of the largest all-reduce
  std::vector<StepSpan> spans;
  // "activation_fwd", ...: payload that a rank sends in a step, mean over ranks and over the steps
  // of the run, in bytes.
  std::vector<std::pair<std::string, double>> bytes_by_class;
};

struct PictureOptions {
  // Compute of a step on this host, mean over ranks: what a run without a device profile is drawn
  // with. Absent or 0: it is not known.
  std::optional<double> compute_seconds;
  size_t max_spans = 4000;
  std::function<bool()> stop;  // TimelineOptions::stop
};

// Of the step that has everything: under `local`, one in which the replicas meet. The third one, so
// that the ranks' skew at the start has settled.
// Errors: FailedPrecondition if compute times are not known; ResourceExhausted if the step has too
//   many messages to look at; those of RunPlans, ResolveNetwork and TimelineSimulator.
absl::StatusOr<StepPicture> PictureOf(const v1::RunConfig& config, const PictureOptions& options);

}  // namespace edgetp
