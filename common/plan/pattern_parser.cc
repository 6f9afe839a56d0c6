#include "common/plan/pattern_parser.h"

#include <cstddef>
#include <cstdint>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// No model has more blocks; keeps "(s)*1000000000" from being expanded.
constexpr size_t kMaxBlocks = 4096;

bool IsModifier(char c) { return c == '~' || c == '@'; }

// A block, and where its modifier begins: what is wrong with k is known only at the end.
struct Placed {
  PatternBlock block;
  size_t position;
};

using Blocks = std::vector<Placed>;

// Recursive descent over
//   sequence = { item [ "*" ] [ number ] | blank };  item = block | "(" sequence ")";
//   block = letter [ "~" number | "@" decimal ].
class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {}

  absl::StatusOr<ParsedPattern> Parse() {
    ASSIGN_OR_RETURN(const Blocks placed, Sequence(0));
    if (position_ < text_.size()) return ErrorAt(position_, "unmatched \")\"");
    if (placed.empty()) return ErrorAt(0, "a pattern needs at least one block");
    ParsedPattern parsed{{}, {notes_.begin(), notes_.end()}};
    for (const Placed& each : placed) {
      RETURN_IF_ERROR(CheckSlack(each, placed.size()));
      parsed.blocks.push_back(each.block);
    }
    return parsed;
  }

 private:
  absl::StatusOr<Blocks> Sequence(int depth) {
    Blocks blocks;
    for (SkipBlanks(); position_ < text_.size() && text_[position_] != ')'; SkipBlanks()) {
      ASSIGN_OR_RETURN(const Blocks item, Item(depth));
      ASSIGN_OR_RETURN(const int count, Repeat());
      if (blocks.size() + item.size() * count > kMaxBlocks) {
        return ErrorAt(position_ - 1, absl::StrCat("more than ", kMaxBlocks, " blocks"));
      }
      for (int i = 0; i < count; ++i) blocks.insert(blocks.end(), item.begin(), item.end());
    }
    return blocks;
  }

  absl::StatusOr<Blocks> Item(int depth) {
    const size_t start = position_;
    const char c = text_[position_];
    if (c != '(') {
      ASSIGN_OR_RETURN(const Placed block, Block());
      return Blocks{block};
    }
    ++position_;
    if (depth >= 16) return ErrorAt(start, "more than 16 nested groups");
    ASSIGN_OR_RETURN(Blocks blocks, Sequence(depth + 1));
    if (position_ >= text_.size()) return ErrorAt(start, "this \"(\" is never closed");
    ++position_;
    if (blocks.empty()) return ErrorAt(start, "empty group");
    return blocks;
  }

  absl::StatusOr<Placed> Block() {
    const char letter = text_[position_];
    const BlockTraits* traits = FindBlockTraits(letter, 0);
    if (IsModifier(letter)) return ErrorAt(position_, "a modifier stands directly behind a letter");
    if (traits == nullptr) {
      return ErrorAt(position_, absl::StrCat("'", std::string(1, letter), "' is not a block: use ",
                                             BlockLetters(),
                                             ", and repeats as in (sppp)*3 or t2s10"));
    }
    ++position_;
    const size_t start = position_;
    if (position_ == text_.size() || !IsModifier(text_[position_]))
      return Placed{{traits->kind}, start};
    const char modifier = text_[position_];
    traits = FindBlockTraits(letter, modifier);
    if (traits == nullptr) return ErrorAt(start, NoModifier(letter, modifier));
    ++position_;
    ASSIGN_OR_RETURN(const int value, modifier == '~' ? Slack(start) : Share(start));
    if (position_ < text_.size() && IsModifier(text_[position_]))
      return ErrorAt(position_, "a letter takes one modifier at most");
    if (value != (modifier == '~' ? 0 : kWholeShare)) return Placed{{traits->kind, value}, start};
    // Without slack, or with all channels shared, it is the plain letter.
    notes_.insert(absl::StrCat(text_.substr(start - 1, position_ - start + 1), " is ",
                               std::string(1, letter)));
    return Placed{{FindBlockTraits(letter, 0)->kind}, start};
  }

  static std::string NoModifier(char letter, char modifier) {
    const std::string own = ModifierExamples(letter), any = ModifierExamples();
    std::string rule = absl::StrCat("'", std::string(1, letter), "' takes no modifier");
    if (!own.empty()) return absl::StrCat(rule, " '", std::string(1, modifier), "': use ", own);
    return any.empty() ? rule : absl::StrCat(rule, "; there are ", any);
  }

  // k of t~k.
  absl::StatusOr<int> Slack(size_t start) {
    if (position_ >= text_.size() || !absl::ascii_isdigit(text_[position_]))
      return ErrorAt(start, "\"~\" needs a whole number of modules after it, 0 or more");
    int value = 0;
    while (position_ < text_.size() && absl::ascii_isdigit(text_[position_])) {
      if (value <= 2 * static_cast<int>(kMaxBlocks)) value = value * 10 + Digit();
      ++position_;
    }
    return value;
  }

  // p of t@p, in millionths.
  absl::StatusOr<int> Share(size_t start) {
    const std::string rule = "\"@\" needs a share of the channels after it, above 0 and at most 1, "
                             "of at most 6 decimals";
    int64_t value = 0, unit = kWholeShare;
    const size_t first = position_;
    for (bool fraction = false; position_ < text_.size(); ++position_) {
      const bool more = position_ + 1 < text_.size() && absl::ascii_isdigit(text_[position_ + 1]);
      if (text_[position_] == '.' && !fraction && position_ > first && more) {
        fraction = true;
        continue;
      }
      if (!absl::ascii_isdigit(text_[position_])) break;
      if (fraction && unit == 1) return ErrorAt(start, rule);
      if (fraction) unit /= 10;
      value = fraction ? value + Digit() * unit : value * 10 + Digit() * unit;
      if (value > kWholeShare) return ErrorAt(start, rule);
    }
    if (value == 0) return ErrorAt(start, rule);
    return static_cast<int>(value);
  }

  absl::StatusOr<int> Repeat() {
    const bool star = position_ < text_.size() && text_[position_] == '*';
    if (star) ++position_;
    if (position_ >= text_.size() || !absl::ascii_isdigit(text_[position_])) {
      if (star) return ErrorAt(position_ - 1, "\"*\" needs a number after it");
      return 1;
    }
    const size_t start = position_;
    int count = 0;
    while (position_ < text_.size() && absl::ascii_isdigit(text_[position_])) {
      count = count * 10 + Digit();
      ++position_;
      if (count > static_cast<int>(kMaxBlocks))
        return ErrorAt(start, absl::StrCat("a repeat above ", kMaxBlocks));
    }
    if (count == 0) return ErrorAt(start, "a repeat of 0");
    return count;
  }

  // A block has two modules. What is later than all of them would never come.
  absl::Status CheckSlack(const Placed& placed, size_t blocks) const {
    const int modules = 2 * static_cast<int>(blocks);
    if (SlackOf(placed.block) <= modules) return absl::OkStatus();
    return ErrorAt(placed.position,
                   absl::StrCat(TextOf(placed.block), " is later than the ", modules, " modules of ",
                                blocks, blocks == 1 ? " block" : " blocks"));
  }

  absl::Status ErrorAt(size_t position, const std::string& rule) const {
    return absl::InvalidArgumentError(
        absl::StrCat("pattern \"", text_, "\", position ", position + 1, ": ", rule));
  }

  void SkipBlanks() {
    while (position_ < text_.size() && absl::ascii_isspace(text_[position_])) ++position_;
  }

  int Digit() const { return text_[position_] - '0'; }

  const std::string& text_;
  size_t position_ = 0;
  std::set<std::string> notes_;
};

}  // namespace

absl::StatusOr<ParsedPattern> ParsePattern(const std::string& text) {
  return Parser(text).Parse();
}

}  // namespace edgetp
