// What TensorBoard is told of a run: its steps as scalars, its configuration, networks and summary
// as texts. Pure. The server writes them (server/tensorboard_log.h).
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "edgetp/v1/report.pb.h"
#include "edgetp/v1/tensorboard.pb.h"

namespace edgetp {

// A curve: what it is called, what it says, and its value in a step's record; absent: the record
// does not say.
struct ScalarCurve {
  std::string tag;          // "loss/train"
  std::string description;  // with the unit
  std::function<std::optional<double>(const v1::StepRecord&)> value;
};
const std::vector<ScalarCurve>& ScalarCurves();

// The first event of a file.
tensorboard::Event FileStart();

// A run, or another attempt of it, begins with this step: TensorBoard forgets what it has read of it
// and of later ones.
tensorboard::Event AttemptStart(int step);

// All curves of one step. `described`: the tags whose descriptions the file has; those that are new
// are added to it.
tensorboard::Event StepEvent(const v1::StepRecord& record, std::set<std::string>* described);

// Markdown.
tensorboard::Event TextEvent(int step, const std::string& tag, const std::string& markdown);

// Text as it is: a block of code.
std::string MarkdownCode(absl::string_view text);

// What a run came to, as a table.
std::string SummaryMarkdown(const v1::RunSummary& summary);

}  // namespace edgetp
