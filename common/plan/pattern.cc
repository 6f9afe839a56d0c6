#include "common/plan/pattern.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/pattern_parser.h"

namespace edgetp {
namespace {

// Whether two blocks that follow one another are of one run.
bool Joins(const PatternBlock& a, const PatternBlock& b) {
  return TraitsOf(a.kind).run != RunKind::kNone && a.kind == b.kind && a.modifier == b.modifier;
}

// "0.5", from millionths below a whole.
std::string ShareText(int millionths) {
  std::string digits = absl::StrCat(kWholeShare + millionths).substr(1);
  digits.erase(digits.find_last_not_of('0') + 1);
  return absl::StrCat("0.", digits);
}

}  // namespace

std::vector<Stage> StagesOf(const PatternBlock& block) {
  const BlockTraits& traits = TraitsOf(block.kind);
  Stage whole{StagePart::kWhole};
  if (traits.run == RunKind::kSharedSum) {
    if (!block.last_of_run) whole.forward_sum = Channels::kNone;
    if (!block.first_of_run) whole.backward_sum = Channels::kNone;
  }
  if (!traits.separate_modules) return {whole};
  if (traits.run != RunKind::kOwnChannels) return {{StagePart::kAttention}, {StagePart::kMlp}};
  std::vector<Stage> stages = {{StagePart::kAttention, Channels::kShared, Channels::kShared},
                               {StagePart::kMlp, Channels::kShared, Channels::kShared}};
  if (block.first_of_run)
    stages.insert(stages.begin(), {StagePart::kEnter, Channels::kNone, Channels::kOwn});
  if (block.last_of_run) stages.push_back({StagePart::kMerge, Channels::kOwn, Channels::kNone});
  return stages;
}

int SlackOf(const PatternBlock& block) {
  const BlockTraits& traits = TraitsOf(block.kind);
  return traits.modifier == '~' ? block.modifier : traits.slack;
}

std::string TextOf(const PatternBlock& block) {
  const BlockTraits& traits = TraitsOf(block.kind);
  std::string text(1, traits.letter);
  if (traits.modifier == '~') absl::StrAppend(&text, "~", block.modifier);
  if (traits.modifier == '@') absl::StrAppend(&text, "@", ShareText(block.modifier));
  return text;
}

int64_t CountOf(Channels which, const PatternBlock& block, int64_t channels) {
  const int64_t shared = channels * block.modifier / kWholeShare;
  switch (which) {
    case Channels::kNone:
      return 0;
    case Channels::kAll:
      return channels;
    case Channels::kShared:
      return shared;
    case Channels::kOwn:
      break;
  }
  return channels - shared;
}

absl::StatusOr<Pattern> Pattern::Parse(const std::string& text, int layers) {
  Pattern pattern;
  ASSIGN_OR_RETURN(ParsedPattern parsed, ParsePattern(text));
  pattern.blocks_ = std::move(parsed.blocks);
  pattern.notes_ = std::move(parsed.notes);
  if (layers > 0 && pattern.layers() != layers) {
    return absl::InvalidArgumentError(absl::StrCat("pattern \"", text, "\" has ", pattern.layers(),
                                                   " blocks, but the model has ", layers,
                                                   " layers: they must be equal"));
  }
  for (int i = 0; i + 1 < pattern.layers(); ++i) {
    PatternBlock &block = pattern.blocks_[i], &next = pattern.blocks_[i + 1];
    if (Joins(block, next)) block.last_of_run = next.first_of_run = false;
  }
  return pattern;
}

std::string Pattern::Expanded() const {
  std::string text;
  for (const PatternBlock& block : blocks_) text += TextOf(block);
  return text;
}

int Pattern::ForwardSyncPoints() const {
  int count = 0;
  for (const PatternBlock& block : blocks_) {
    for (const Stage& stage : StagesOf(block)) count += stage.forward_sum != Channels::kNone;
  }
  return count;
}

bool Pattern::NeedsGradientSync() const {
  for (const PatternBlock& block : blocks_) {
    if (TraitsOf(block.kind).partial_norms) return true;
  }
  return false;
}

std::string PatternHelp() {
  std::string help = "one letter per block: ";
  for (const BlockTraits& traits : AllBlockTraits()) {
    if (traits.modifier != 0) continue;
    absl::StrAppend(&help, std::string(1, traits.letter), " ", traits.name, ", ");
  }
  help.resize(help.size() - 2);
  absl::StrAppend(&help, "; '(sppp)*3', t2s10");
  if (!ModifierExamples().empty()) absl::StrAppend(&help, "; ", ModifierExamples());
  return absl::StrCat(help, "; `edgetp patterns` lists them");
}

absl::Status Pattern::CheckChannels(int channels) const {
  for (const PatternBlock& block : blocks_) {
    for (const Stage& stage : StagesOf(block)) {
      if (stage.forward_sum == Channels::kNone) continue;
      if (CountOf(stage.forward_sum, block, channels) > 0) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(TextOf(block), " of ", channels,
                       " channels is none: the share must be at least 1/", channels));
    }
  }
  return absl::OkStatus();
}

}  // namespace edgetp
