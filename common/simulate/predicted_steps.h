// How many steps the prediction of a run simulates.
#pragma once

namespace edgetp {

// Enough for a median under heavy-tailed jitter, and milliseconds to simulate for few ranks.
inline constexpr int kPredictedSteps = 200;

}  // namespace edgetp
