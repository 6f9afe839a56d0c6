#include "common/plan/pattern.h"

#include <cctype>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// No model has more blocks; keeps "(s)*1000000000" from being expanded.
constexpr int kMaxBlocks = 4096;

absl::Status ErrorAt(const std::string& text, size_t position, const std::string& rule) {
  return absl::InvalidArgumentError(
      absl::StrCat("pattern \"", text, "\", position ", position + 1, ": ", rule));
}

bool IsDigit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// Recursive descent over:  sequence = { item [ "*" ] [ number ] };  item = letter | "(" sequence
// ")".
class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  absl::StatusOr<std::string> Parse() {
    auto letters = Sequence(0);
    if (!letters.ok()) return letters;
    if (position_ < text_.size()) return ErrorAt(text_, position_, "unmatched \")\"");
    if (letters->empty()) return ErrorAt(text_, 0, "a pattern needs at least one block");
    return letters;
  }

 private:
  absl::StatusOr<std::string> Sequence(int depth) {
    std::string letters;
    while (position_ < text_.size() && text_[position_] != ')') {
      auto item = Item(depth);
      if (!item.ok()) return item;
      auto count = Repeat();
      if (!count.ok()) return count.status();
      if (letters.size() + item->size() * *count > kMaxBlocks) {
        return ErrorAt(text_, position_ - 1, absl::StrCat("more than ", kMaxBlocks, " blocks"));
      }
      for (int i = 0; i < *count; ++i) letters += *item;
    }
    return letters;
  }

  absl::StatusOr<std::string> Item(int depth) {
    const size_t start = position_;
    const char c = text_[position_++];
    if (FindBlockTraits(c, 0) != nullptr) return std::string(1, c);
    if (c != '(') {
      return ErrorAt(
          text_, start,
          absl::StrCat("'", std::string(1, c),
                       "' is not a block: use ", BlockLetters(),
                       ", and repeats as in (sppp)*3 or t2s10"));
    }
    if (depth >= 16) return ErrorAt(text_, start, "more than 16 nested groups");
    auto letters = Sequence(depth + 1);
    if (!letters.ok()) return letters;
    if (position_ >= text_.size()) return ErrorAt(text_, start, "this \"(\" is never closed");
    ++position_;
    if (letters->empty()) return ErrorAt(text_, start, "empty group");
    return letters;
  }

  absl::StatusOr<int> Repeat() {
    const bool star = position_ < text_.size() && text_[position_] == '*';
    if (star) ++position_;
    if (position_ >= text_.size() || !IsDigit(text_[position_])) {
      if (star) return ErrorAt(text_, position_ - 1, "\"*\" needs a number after it");
      return 1;
    }
    const size_t start = position_;
    int count = 0;
    while (position_ < text_.size() && IsDigit(text_[position_])) {
      count = count * 10 + (text_[position_++] - '0');
      if (count > kMaxBlocks)
        return ErrorAt(text_, start, absl::StrCat("a repeat above ", kMaxBlocks));
    }
    if (count == 0) return ErrorAt(text_, start, "a repeat of 0");
    return count;
  }

  const std::string& text_;
  size_t position_ = 0;
};

// Whether two blocks that follow one another are of one run.
bool Joins(const PatternBlock& a, const PatternBlock& b) {
  return TraitsOf(a.kind).run != RunKind::kNone && a.kind == b.kind;
}

}  // namespace

std::vector<Stage> StagesOf(const PatternBlock& block) {
  const BlockTraits& traits = TraitsOf(block.kind);
  if (traits.separate_modules) return {{StagePart::kAttention}, {StagePart::kMlp}};
  Stage whole{StagePart::kWhole};
  if (traits.run == RunKind::kSharedSum) {
    if (!block.last_of_run) whole.forward_sum = Channels::kNone;
    if (!block.first_of_run) whole.backward_sum = Channels::kNone;
  }
  return {whole};
}

int SlackOf(const PatternBlock& block) { return TraitsOf(block.kind).slack; }

int64_t CountOf(Channels which, const PatternBlock& block, int64_t channels) {
  return which == Channels::kNone ? 0 : channels;
}

absl::StatusOr<Pattern> Pattern::Parse(const std::string& text, int layers) {
  auto letters = Parser(text).Parse();
  if (!letters.ok()) return letters.status();
  const int blocks = static_cast<int>(letters->size());
  if (layers > 0 && blocks != layers) {
    return absl::InvalidArgumentError(absl::StrCat("pattern \"", text, "\" has ", blocks,
                                                   " blocks, but the model has ", layers,
                                                   " layers: they must be equal"));
  }
  Pattern pattern;
  for (const char letter : *letters)
    pattern.blocks_.push_back({FindBlockTraits(letter, 0)->kind});
  for (int i = 0; i + 1 < blocks; ++i) {
    PatternBlock &block = pattern.blocks_[i], &next = pattern.blocks_[i + 1];
    if (Joins(block, next)) block.last_of_run = next.first_of_run = false;
  }
  return pattern;
}

std::string Pattern::Expanded() const {
  std::string letters;
  for (const PatternBlock& block : blocks_) letters += TraitsOf(block.kind).letter;
  return letters;
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

}  // namespace edgetp
