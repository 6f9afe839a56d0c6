#include "common/plan/letter_report.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace edgetp {
namespace {

// "t", "t~k", "t@p".
std::string LetterText(const BlockTraits& traits) {
  std::string text(1, traits.letter);
  if (traits.modifier == '~') text += "~k";
  if (traits.modifier == '@') text += "@p";
  return text;
}

std::string ExampleOf(const BlockTraits& traits) {
  std::string text(1, traits.letter);
  if (traits.modifier == '~') text += "~2";
  if (traits.modifier == '@') text += "@0.5";
  return text + "*4";
}

int SumsOf(const PatternBlock& block) {
  int sums = 0;
  for (const Stage& stage : StagesOf(block)) sums += stage.forward_sum != Channels::kNone;
  return sums;
}

// "2 per block of p * S, 1 per run of (1-p) * S". S is (B, T, C).
std::string CostText(const BlockTraits& traits, int per_block, int per_run) {
  const bool own = traits.run == RunKind::kOwnChannels;
  std::string text;
  if (per_block > 0) absl::StrAppend(&text, per_block, " per block", own ? " of p * S" : "");
  if (per_run > 0) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", per_run, " per run",
                    own ? " of (1-p) * S" : "");
  }
  if (traits.modifier == '~') absl::StrAppend(&text, ", each up to k stages late");
  if (traits.slack > 0) absl::StrAppend(&text, ", each up to ", traits.slack, " stage late");
  return text;
}

v1::LetterCost* CostOf(const PatternBlock& block, v1::PlanReport* report) {
  const std::string text = TextOf(block);
  for (v1::LetterCost& cost : *report->mutable_letters()) {
    if (cost.letter() == text) return &cost;
  }
  const BlockTraits& traits = TraitsOf(block.kind);
  v1::LetterCost* cost = report->add_letters();
  cost->set_letter(text);
  cost->set_name(traits.name);
  cost->set_slack(SlackOf(block));
  cost->set_grad_sync(traits.partial_norms);
  return cost;
}

// What a run of so many blocks does not save, or nothing.
std::string NoteOnRun(const PatternBlock& block, int length) {
  const std::string who = TextOf(block);
  switch (TraitsOf(block.kind).run) {
    case RunKind::kSharedSum:
      return length == 1 ? absl::StrCat(who, " alone in its run costs what s costs") : "";
    case RunKind::kOwnChannels:
      return length == 1 ? absl::StrCat(who, " alone in its run sums 3 times where t sums twice")
                         : "";
    case RunKind::kLateSums:
      // The last stage starts its sum and the run ends: all that is later comes then, too.
      if (SlackOf(block) < 2 * length) return "";
      return absl::StrCat(who, " in a run of ", length, " is later than the run's ", 2 * length,
                          " modules: ", 2 * length - 1, " is as late");
    case RunKind::kNone:
      break;
  }
  return "";
}

// The same note of many runs is one, with the first blocks of them.
class RunNotes {
 public:
  void Add(const std::string& note, int layer) {
    auto at =
        std::find_if(notes_.begin(), notes_.end(), [&](const auto& n) { return n.first == note; });
    if (at == notes_.end()) at = notes_.insert(at, {note, {}});
    at->second.push_back(layer);
  }

  void Write(v1::PlanReport* report) const {
    constexpr size_t kNamed = 8;  // enough to see which
    for (const auto& [note, layers] : notes_) {
      const size_t named = std::min(kNamed, layers.size());
      std::string places = absl::StrJoin(layers.begin(), layers.begin() + named, ", ");
      if (layers.size() > named) absl::StrAppend(&places, " and ", layers.size() - named, " more");
      report->add_notes(absl::StrCat(note, " (block", layers.size() > 1 ? "s " : " ", places, ")"));
    }
  }

 private:
  std::vector<std::pair<std::string, std::vector<int>>> notes_;
};

void AddNotes(const PlanOptions& options, v1::PlanReport* report) {
  for (const std::string& note : options.pattern.notes()) report->add_notes(note);
  if (options.world_size == 1) {
    const auto is_t = [](const v1::LetterCost& cost) { return cost.letter() == "t"; };
    if (!std::all_of(report->letters().begin(), report->letters().end(), is_t))
      report->add_notes("one worker sends nothing: no letter saves anything over t");
    return;
  }
  RunNotes notes;
  const std::vector<PatternBlock>& blocks = options.pattern.blocks();
  for (int layer = 0, first = 0; layer < options.pattern.layers(); ++layer) {
    if (blocks[layer].first_of_run) first = layer;
    if (!blocks[layer].last_of_run) continue;
    const std::string note = NoteOnRun(blocks[layer], layer - first + 1);
    if (!note.empty()) notes.Add(note, first);
  }
  notes.Write(report);
}

}  // namespace

v1::PatternsReport BuildPatternsReport() {
  v1::PatternsReport report;
  for (const BlockTraits& traits : AllBlockTraits()) {
    const int middle = SumsOf({.kind = traits.kind, .first_of_run = false, .last_of_run = false});
    const int alone = SumsOf({.kind = traits.kind});
    v1::PatternLetter& letter = *report.add_letters();
    letter.set_letter(LetterText(traits));
    letter.set_name(traits.name);
    letter.set_example(ExampleOf(traits));
    letter.set_all_reduces_per_block(middle);
    letter.set_all_reduces_per_run(alone - middle);
    letter.set_cost(CostText(traits, middle, alone - middle));
    letter.set_grad_sync(traits.partial_norms);
    letter.set_changes(traits.changes);
    letter.set_source(traits.source);
  }
  return report;
}

void AddLetters(const PlanOptions& options, const std::vector<PlanStep>& steps,
                v1::PlanReport* report) {
  const std::vector<PatternBlock>& blocks = options.pattern.blocks();
  for (const PatternBlock& block : blocks) {
    v1::LetterCost* cost = CostOf(block, report);
    cost->set_blocks(cost->blocks() + 1);
  }
  for (const CollectiveStep& step : Collectives(steps)) {
    if (step.tag.layer < 0 || step.part == CollectivePart::kWait) continue;
    v1::LetterCost* cost = CostOf(blocks[step.tag.layer], report);
    cost->set_bytes(cost->bytes() + static_cast<double>(step.wire_bytes()) / options.micro_batches);
    if (step.tag.traffic == TrafficClass::kActivationForward) {
      cost->set_all_reduces_forward(cost->all_reduces_forward() + 1);
    } else {
      cost->set_all_reduces_backward(cost->all_reduces_backward() + 1);
    }
  }
  for (v1::LetterCost& cost : *report->mutable_letters()) {
    cost.set_all_reduces_forward(cost.all_reduces_forward() / options.micro_batches);
    cost.set_all_reduces_backward(cost.all_reduces_backward() / options.micro_batches);
  }
  AddNotes(options, report);
}

}  // namespace edgetp
