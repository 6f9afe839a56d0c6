#include "cli/shared/step_facts.h"

#include "absl/strings/str_cat.h"
#include "cli/shared/format.h"

namespace edgetp {

std::string StepFacts(const v1::RunSummary& run) {
  std::string facts;
  if (run.has_mfu()) absl::StrAppend(&facts, ", MFU ", FormatPercent(run.mfu()));
  if (run.steps_skipped() > 0) absl::StrAppend(&facts, ", ", run.steps_skipped(), " skipped");
  if (run.ended_by() == "max_seconds") absl::StrAppend(&facts, ", ended by max_seconds");
  return facts;
}

}  // namespace edgetp
