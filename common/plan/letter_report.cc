#include "common/plan/letter_report.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

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

// Where a run of one block has nothing to share.
std::string NoteOnShortRun(const PatternBlock& block, int layer) {
  if (!block.first_of_run || !block.last_of_run) return "";
  const std::string who = absl::StrCat(TextOf(block), " in block ", layer, " is a run of one: ");
  switch (TraitsOf(block.kind).run) {
    case RunKind::kSharedSum:
      return absl::StrCat(who, "it costs what s costs");
    case RunKind::kOwnChannels:
      return absl::StrCat(who, "it sums three times where t sums twice");
    case RunKind::kLateSums:
    case RunKind::kNone:
      break;
  }
  return "";
}

void AddNotes(const PlanOptions& options, v1::PlanReport* report) {
  for (const std::string& note : options.pattern.notes()) report->add_notes(note);
  if (options.world_size == 1) {
    bool plain = true;
    for (const v1::LetterCost& cost : report->letters()) plain = plain && cost.letter() == "t";
    if (!plain) report->add_notes("one worker sends nothing: no letter saves anything over t");
    return;
  }
  for (int layer = 0; layer < options.pattern.layers(); ++layer) {
    const std::string note = NoteOnShortRun(options.pattern.blocks()[layer], layer);
    if (!note.empty()) report->add_notes(note);
  }
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
