// Continues the prompts of a task together, token by token. Every rank computes the same logits and
// chooses the same tokens; rank 0 makes text of them.
#pragma once

#include <functional>
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
  // Of each token, where the task has none; empty: the text is a list of token numbers.
  std::vector<std::string> symbols;
  Trainer* trainer = nullptr;
  CollectiveGroup* group = nullptr;
  JobControl* control = nullptr;
  std::function<std::string()> network;  // in force now
  // Of a token of every prompt but the first ones, which take the prompts' own passes, too.
  // Numbered from 1. May be null.
  std::function<void(const StepStats& stats, v1::StepReport report)> step;
  // Text that is new, of a single prompt as it is made; of several, only the report has it. May be
  // null.
  std::function<void(v1::SampleText text)> text;
};

// Keys and values are kept unless the task says otherwise; the context is that of ContextWindow. A
// prompt has random numbers of its own, which depend on the seed, on its tokens, and on how many
// equal ones come before it: so it gets the same text alone or with others, up to the rounding of
// products of different sizes. A prompt that has met a stop text takes no part in later passes.
// Errors: InvalidArgument (empty prompt, token outside the vocabulary), those of the model, the
// status of an abort.
absl::StatusOr<v1::SampleReport> SampleTexts(const SampleParts& parts);

}  // namespace edgetp
