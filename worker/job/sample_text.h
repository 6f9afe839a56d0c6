// Generates text from a model, token by token; the whole context is computed anew for each.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/config.pb.h"
#include "worker/collective/collective_group.h"
#include "worker/job/job_control.h"
#include "worker/model/trainer.h"

namespace edgetp {

struct SampleParts {
  const v1::SampleTask* task = nullptr;
  const v1::RunConfig* config = nullptr;
  std::vector<std::string> symbols;  // of each token; empty: the text is a list of token numbers
  Trainer* trainer = nullptr;
  CollectiveGroup* group = nullptr;
  JobControl* control = nullptr;
};

// All ranks draw the same tokens. The context is the last T tokens. The text holds prompt and
// continuation.
// Errors: InvalidArgument (empty prompt, token outside the vocabulary), those of the model, the
// status of an abort.
absl::StatusOr<v1::SampleReport> SampleText(const SampleParts& parts);

}  // namespace edgetp
