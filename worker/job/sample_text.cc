#include "worker/job/sample_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/config/run_plans.h"
#include "worker/job/sampler.h"

namespace edgetp {
namespace {

absl::Status CheckPrompt(const v1::SampleTask& task, int vocabulary) {
  if (task.prompt().empty())
    return absl::InvalidArgumentError("sample: the prompt needs at least one token");
  for (int i = 0; i < task.prompt_size(); ++i) {
    if (task.prompt(i) < 0 || task.prompt(i) >= vocabulary) {
      return absl::InvalidArgumentError(absl::StrCat("sample: prompt token ", i, " is ",
                                                     task.prompt(i), ", outside the vocabulary of ",
                                                     vocabulary));
    }
  }
  return absl::OkStatus();
}

std::string ToText(const std::vector<int64_t>& tokens, const std::vector<std::string>& symbols) {
  std::string text;
  for (const int64_t token : tokens) {
    if (symbols.empty()) {
      absl::StrAppend(&text, text.empty() ? "" : " ", token);
    } else if (token < static_cast<int64_t>(symbols.size())) {
      text += symbols[token];
    }
  }
  return text;
}

absl::StatusOr<int64_t> NextToken(const SampleParts& parts, const std::vector<int64_t>& tokens,
                                  PlanOptions options) {
  const size_t context = std::min<size_t>(tokens.size(), parts.config->model().sequence());
  options.shape.sequence = static_cast<int>(context);
  options.batch = 1;
  ASSIGN_OR_RETURN(const StepPlan plan, BuildNextTokenPlan(options));
  parts.group->BeginStep(-1, CollectiveEntries(ListOf(plan, parts.group->rank())));
  ASSIGN_OR_RETURN(const std::vector<float> logits,
                   parts.trainer->NextTokenLogits(absl::MakeConstSpan(tokens).last(context)));
  RETURN_IF_ERROR(parts.group->EndStep());
  parts.group->TakeStats();
  SamplerOptions sampler;
  sampler.temperature = parts.task->temperature();
  if (parts.task->has_top_k()) sampler.top_k = parts.task->top_k();
  return SampleToken(logits, sampler, ToUnit(RandomBits(parts.task->seed(), tokens.size())));
}

}  // namespace

absl::StatusOr<v1::SampleReport> SampleText(const SampleParts& parts) {
  RETURN_IF_ERROR(CheckPrompt(*parts.task, parts.config->model().vocabulary()));
  ASSIGN_OR_RETURN(const PlanOptions options, ToInferenceOptions(*parts.config));
  std::vector<int64_t> tokens(parts.task->prompt().begin(), parts.task->prompt().end());
  const absl::Time begin = MonotonicNow();
  for (int i = 0; i < parts.task->tokens(); ++i) {
    RETURN_IF_ERROR(parts.control->aborted());
    ASSIGN_OR_RETURN(const int64_t token, NextToken(parts, tokens, options));
    tokens.push_back(token);
  }
  v1::SampleReport report;
  report.set_text(ToText(tokens, parts.symbols));
  report.set_tokens(parts.task->tokens());
  report.set_tokens_per_second(parts.task->tokens() /
                               absl::ToDoubleSeconds(MonotonicNow() - begin));
  return report;
}

}  // namespace edgetp
