#include "common/tensorboard/step_events.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/version.h"
#include "common/network/attribution.h"

namespace edgetp {
namespace {

using Record = v1::StepRecord;
using Value = std::optional<double>;

// A record of step 0 has losses alone: nothing was updated, and nothing took time.
std::function<Value(const Record&)> OfUpdate(double (Record::*number)() const) {
  return [number](const Record& record) {
    return record.step() > 0 ? Value((record.*number)()) : std::nullopt;
  };
}

std::function<Value(const Record&)> IfKnown(bool (Record::*known)() const,
                                            double (Record::*number)() const) {
  return [known, number](const Record& record) {
    return (record.*known)() ? Value((record.*number)()) : std::nullopt;
  };
}

Value Joules(const Record& record) {
  return record.has_energy() ? Value(record.energy().joules()) : std::nullopt;
}

std::vector<ScalarCurve> MakeCurves() {
  std::vector<ScalarCurve> curves = {
      {"loss/train", "Cross-entropy of the step's batch before the update, in nats per token",
       IfKnown(&Record::has_train_loss, &Record::train_loss)},
      {"loss/validation", "Cross-entropy of the validation windows, in nats per token",
       IfKnown(&Record::has_val_loss, &Record::val_loss)},
      {"optimizer/learning_rate", "Learning rate of the update", OfUpdate(&Record::learning_rate)},
      {"optimizer/gradient_norm", "Norm of the whole gradient before clipping",
       OfUpdate(&Record::gradient_norm)},
      {"step/seconds", "Duration of a step in seconds, mean over ranks, evaluations excluded",
       OfUpdate(&Record::step_seconds)},
      {"step/tokens_per_second", "Tokens per second of all ranks together",
       OfUpdate(&Record::tokens_per_second)},
      {"step/hidden_seconds", "Seconds of exchanges that ran under compute, mean over ranks",
       OfUpdate(&Record::hidden_seconds)},
      {"step/joules", "Energy of a step in joules, of all ranks together", &Joules},
      {"step/mfu", "Model FLOP/s as a share of what the devices can do",
       IfKnown(&Record::has_mfu, &Record::mfu)}};
  for (const BreakdownTerm& term : kBreakdownTerms) {
    curves.push_back({absl::StrCat("breakdown_seconds/", term.name),
                      absl::StrCat("Seconds of a step, mean over ranks: ", term.name),
                      [seconds = term.seconds](const Record& record) {
                        return record.step() > 0 ? Value((record.breakdown_seconds().*seconds)())
                                                 : std::nullopt;
                      }});
  }
  return curves;
}

std::string LossCell(bool known, double loss) {
  return known ? absl::StrFormat("%.4f", loss) : "unknown";
}

std::string VerdictCell(const v1::Verdict& verdict) {
  if (!verdict.judged()) return "not judged: nothing was emulated";
  return verdict.valid() ? "valid" : absl::StrCat("INVALID: ", verdict.reason());
}

}  // namespace

const std::vector<ScalarCurve>& ScalarCurves() {
  static const auto* const curves = new std::vector<ScalarCurve>(MakeCurves());
  return *curves;
}

tensorboard::Event FileStart() {
  tensorboard::Event event;
  event.set_file_version("brain.Event:2");
  event.mutable_source_metadata()->set_writer(absl::StrCat("edgetp ", kVersion));
  return event;
}

tensorboard::Event AttemptStart(int step) {
  tensorboard::Event event;
  event.set_step(step);
  event.mutable_session_log()->set_status(tensorboard::SessionLog::START);
  return event;
}

tensorboard::Event StepEvent(const Record& record, std::set<std::string>* described) {
  tensorboard::Event event;
  event.set_step(record.step());
  for (const ScalarCurve& curve : ScalarCurves()) {
    const Value number = curve.value(record);
    if (!number.has_value()) continue;
    tensorboard::Summary::Value* const value = event.mutable_summary()->add_value();
    value->set_tag(curve.tag);
    value->set_simple_value(static_cast<float>(*number));
    if (!described->insert(curve.tag).second) continue;
    value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("scalars");
    value->mutable_metadata()->set_summary_description(curve.description);
  }
  return event;
}

tensorboard::Event TextEvent(int step, const std::string& tag, const std::string& markdown) {
  tensorboard::Event event;
  event.set_step(step);
  tensorboard::Summary::Value* const value = event.mutable_summary()->add_value();
  value->set_tag(tag);
  value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("text");
  value->mutable_metadata()->set_data_class(tensorboard::SummaryMetadata::DATA_CLASS_TENSOR);
  value->mutable_tensor()->set_dtype(tensorboard::DT_STRING);
  value->mutable_tensor()->mutable_tensor_shape();
  value->mutable_tensor()->add_string_val(markdown);
  return event;
}

std::string MarkdownCode(absl::string_view text) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  return absl::StrCat("    ", absl::StrJoin(lines, "\n    "));
}

std::string SummaryMarkdown(const v1::RunSummary& summary) {
  const std::pair<const char*, std::string> rows[] = {
      {"status", summary.error().empty() ? summary.status()
                                         : absl::StrCat(summary.status(), ": ", summary.error())},
      {"pattern", summary.pattern()},
      {"workers", absl::StrCat(summary.workers())},
      {"network", summary.network()},
      {"clock", summary.clock()},
      {"steps", absl::StrCat(summary.steps())},
      {"training loss (nats)",
       LossCell(summary.final().has_train_loss(), summary.final().train_loss())},
      {"validation loss (nats)",
       LossCell(summary.final().has_val_loss(), summary.final().val_loss())},
      {"median step (s)", absl::StrFormat("%.4g", summary.step_seconds().median())},
      {"wall-clock (s)", absl::StrFormat("%.4g", summary.wall_seconds())},
      {"verdict", VerdictCell(summary.verdict())}};
  std::string table = "| | |\n|---|---|\n";
  for (const auto& [name, value] : rows) {
    // A cell is one line, and ends at a bar.
    absl::StrAppend(&table, "| ", name, " | ",
                    absl::StrReplaceAll(value, {{"\n", " "}, {"|", "\\|"}}), " |\n");
  }
  return table;
}

}  // namespace edgetp
