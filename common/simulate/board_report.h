// Published measurements of real boards beside what the simulator says of them: two numbers are
// fitted for each set of rows, on one and on two boards, and everything else is predicted. Used by
// `edgetp simulate --scenario`. Pure and deterministic.
#pragma once

#include <functional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Time of a token as a function of the software cost of a message; rising.
using SecondsAtOverhead = std::function<absl::StatusOr<double>(absl::Duration overhead)>;

// The software cost at which a token takes `seconds`, to a nanosecond.
// Errors: InvalidArgument if a token takes longer without any, or less with 100 ms; those of the
// function.
absl::StatusOr<absl::Duration> FitMessageOverhead(const SecondsAtOverhead& seconds_at,
                                                  double seconds);

// `scenario` keeps the rules of ValidateScenario.
// Errors: those of BuildLlamaPlan and of FitMessageOverhead, with the set and the row.
absl::StatusOr<v1::BoardReport> PredictBoards(const v1::BoardScenario& scenario);

}  // namespace edgetp
