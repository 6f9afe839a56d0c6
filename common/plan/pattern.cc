#include "common/plan/pattern.h"

#include <cctype>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

struct LetterRow {
  char letter;
  BlockKind kind;
  LetterTraits traits;
};

// One row per letter.
constexpr LetterRow kLetters[] = {
    {'t', BlockKind::kTensorParallel, {}},
    {'s', BlockKind::kSyncDrop, {.partial_norms = true, .partial_attention_bias = true}},
    {'p', BlockKind::kParallel, {.output_biases = false, .partial_norms = true}},
};

const LetterRow& RowOf(BlockKind kind) {
  for (const LetterRow& row : kLetters) {
    if (row.kind == kind) return row;
  }
  return kLetters[0];  // every kind has a row
}

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
    for (const LetterRow& row : kLetters) {
      if (row.letter == c) return std::string(1, c);
    }
    if (c != '(') {
      return ErrorAt(
          text_, start,
          absl::StrCat("'", std::string(1, c),
                       "' is not a block: use t, s, p, and repeats as in (sppp)*3 or t2s10"));
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

BlockKind KindOf(char letter) {
  for (const LetterRow& row : kLetters) {
    if (row.letter == letter) return row.kind;
  }
  return kLetters[0].kind;  // the parser lets no other letter through
}

}  // namespace

char LetterOf(BlockKind kind) { return RowOf(kind).letter; }

const LetterTraits& TraitsOf(BlockKind kind) { return RowOf(kind).traits; }

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
  for (int i = 0; i < blocks; ++i) {
    const char letter = (*letters)[i];
    const bool joins_previous = letter == 'p' && i > 0 && (*letters)[i - 1] == 'p';
    const bool joins_next = letter == 'p' && i + 1 < blocks && (*letters)[i + 1] == 'p';
    pattern.blocks_.push_back({KindOf(letter), !joins_previous, !joins_next});
  }
  return pattern;
}

std::string Pattern::Expanded() const {
  std::string letters;
  for (const PatternBlock& block : blocks_) letters += LetterOf(block.kind);
  return letters;
}

int Pattern::ForwardSyncPoints() const {
  int count = 0;
  for (const PatternBlock& block : blocks_) {
    if (block.kind == BlockKind::kTensorParallel) {
      count += 2;
    } else if (block.last_of_run) {
      count += 1;
    }
  }
  return count;
}

bool Pattern::NeedsGradientSync() const {
  for (const PatternBlock& block : blocks_) {
    if (block.kind != BlockKind::kTensorParallel) return true;
  }
  return false;
}

}  // namespace edgetp
