#include "cli/shared/pattern_tables.h"

#include "absl/strings/str_cat.h"
#include "cli/shared/format.h"
#include "cli/shared/table.h"
#include "common/config/units.h"

namespace edgetp {

std::string PatternsTable(const v1::PatternsReport& patterns) {
  Table table({{"letter", Align::kLeft},
               {"name", Align::kLeft},
               {"all-reduces\neach way", Align::kLeft},
               {"grad\nsync", Align::kLeft},
               {"what it changes in the model", Align::kLeft},
               {"source", Align::kLeft}});
  for (const v1::PatternLetter& letter : patterns.letters()) {
    table.AddRow({letter.letter(), letter.name(), letter.cost(), letter.grad_sync() ? "yes" : "no",
                  letter.changes(), letter.source()});
  }
  return absl::StrCat(
      table.Render(),
      "S is a tensor of (batch, sequence, channels). A run is adjacent blocks of one "
      "letter and modifier.\n"
      "A stage is attention or MLP; where both share one sum, the whole block.\n"
      "Repeats and groups: 't*4', '(t@0.5 s)*6', 't~2*4'. docs/patterns.md has the "
      "formulas.\n");
}

std::string LettersTable(const v1::PlanReport& plan) {
  Table table({{"letter", Align::kLeft},
               {"name", Align::kLeft},
               {"blocks"},
               {"forward\nall-reduces"},
               {"backward\nall-reduces"},
               {"per micro-step\nand rank"},
               {"stages\nlate"},
               {"grad sync", Align::kLeft}});
  for (const v1::LetterCost& letter : plan.letters()) {
    table.AddRow({letter.letter(), letter.name(), absl::StrCat(letter.blocks()),
                  absl::StrCat(letter.all_reduces_forward()),
                  absl::StrCat(letter.all_reduces_backward()), FormatBytes(letter.bytes()),
                  absl::StrCat(letter.slack()), letter.grad_sync() ? "yes" : "no"});
  }
  std::string text = table.Render();
  for (const std::string& note : plan.notes()) absl::StrAppend(&text, "note: ", note, "\n");
  return text;
}

}  // namespace edgetp
