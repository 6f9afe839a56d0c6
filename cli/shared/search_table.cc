#include "cli/shared/search_table.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/shared/format.h"
#include "cli/shared/table.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

std::string Signed(double share) { return absl::StrFormat("%+.2f %%", 100 * share); }

// "+0.41 %", or, with several seeds, "+0.41 % (-0.10 to +0.92)".
std::string ChangeOf(const v1::SearchLoss& loss) {
  const std::string change = Signed(loss.change_share());
  if (!loss.has_change_share_low()) return change;
  return absl::StrFormat("%s (%+.2f to %+.2f)", change, 100 * loss.change_share_low(),
                         100 * loss.change_share_high());
}

std::string MarkOf(const v1::SearchReport& search, const v1::SearchRow& row) {
  std::vector<std::string> marks;
  if (row.on_front()) marks.push_back("front");
  if (row.pattern() == search.chosen()) marks.push_back("chosen");
  if (!row.within_budget()) marks.push_back("over budget");
  return absl::StrJoin(marks, ", ");
}

const v1::SearchLoss& LastLoss(const v1::SearchRow& row) {
  return row.losses(row.losses_size() - 1);
}

// "after 2000 steps", "over 1742 windows".
std::string AfterAmount(const v1::SearchReport& search, int amount) {
  return absl::StrCat(search.unit() == "steps" ? "after " : "over ", amount, " ", search.unit());
}

std::string Compared(const v1::SearchReport& search) {
  Table table({{"pattern", Align::kLeft},
               {"sync\npoints"},
               {"validation\nloss"},
               {"change"},
               {"step ms\nsimulated"},
               {"tokens/s"},
               {"time\nsaved"},
               {"", Align::kLeft}});
  for (const v1::SearchRow& row : search.rows()) {
    const v1::SearchLoss& loss = LastLoss(row);
    if (loss.amount() != search.compared_amount()) continue;
    const bool baseline = row.pattern() == search.baseline();
    table.AddRow({row.pattern(), absl::StrCat(row.sync_points_forward()), FormatLoss(loss.loss()),
                  baseline ? "-" : ChangeOf(loss), FormatNumber(row.step_seconds() * 1e3),
                  FormatCount(row.tokens_per_second()),
                  baseline ? "-" : FormatPercent(row.saved_share()), MarkOf(search, row)});
  }
  return table.Render();
}

std::string LeftBehind(const v1::SearchReport& search) {
  Table table({{"left behind", Align::kLeft},
               {search.unit()},
               {"validation\nloss"},
               {"change"},
               {"step ms\nsimulated"}});
  for (const v1::SearchRow& row : search.rows()) {
    const v1::SearchLoss& loss = LastLoss(row);
    if (loss.amount() == search.compared_amount()) continue;
    table.AddRow({row.pattern(), absl::StrCat(loss.amount()), FormatLoss(loss.loss()),
                  ChangeOf(loss), FormatNumber(row.step_seconds() * 1e3)});
  }
  if (table.empty()) return "";
  return absl::StrCat("\n", table.Render(), "A change is from ", search.baseline(), " ",
                      search.unit() == "steps" ? "after as many steps" : "over the same windows",
                      ".\n");
}

// A row per block, a column per letter.
std::string Blocks(const v1::SearchReport& search) {
  if (search.blocks().empty()) return "";
  std::vector<Column> columns = {{"block"}};
  std::map<int, std::vector<std::string>> cells;
  for (const v1::BlockChange& change : search.blocks()) {
    if (change.block() == 1) columns.push_back({change.letter()});
    cells[change.block()].push_back(ChangeOf(change.loss()));
  }
  Table table(columns);
  for (auto& [block, changes] : cells) {
    std::vector<std::string> row = {absl::StrCat(block)};
    row.insert(row.end(), changes.begin(), changes.end());
    row.resize(columns.size());
    table.AddRow(row);
  }
  return absl::StrCat("\nChange of the loss where one block has another letter, ",
                      AfterAmount(search, search.amounts(0)), ":\n\n", table.Render());
}

const v1::SearchRow* RowOf(const v1::SearchReport& search, const std::string& pattern) {
  for (const v1::SearchRow& row : search.rows()) {
    if (row.pattern() == pattern) return &row;
  }
  return nullptr;
}

std::string Choice(const v1::SearchReport& search) {
  const v1::SearchRow* chosen = RowOf(search, search.chosen());
  if (chosen == nullptr) return "";
  const std::string limit =
      absl::StrFormat("a loss of at most %s (%s over %s)", FormatLoss(search.loss_limit()),
                      search.budget(), search.baseline());
  if (search.chosen() == search.baseline())
    return absl::StrCat("No faster pattern stays within ", limit, ".");
  std::string text = absl::StrCat(search.chosen(), " is the fastest within ", limit, ": it saves ",
                                  FormatPercent(chosen->saved_share()), " of a step.");
  if (chosen->within_noise()) {
    absl::StrAppend(&text, " Its change is within the noise of ", search.seeds(),
                    " seeds: 0 is in the 95 % interval.");
  }
  return text;
}

std::string FlushParagraph(const std::string& text) {
  return text.empty() ? ""
                      : absl::StrCat(absl::StrJoin(WrapWords(text, Table::kMaxWidth), "\n"), "\n");
}

}  // namespace

std::string SearchTable(const v1::SearchReport& search) {
  std::string text = FlushParagraph(absl::StrCat(
      search.model(), " on ", search.workers(), " workers over ", search.network(), ", losses ",
      AfterAmount(search, search.compared_amount()),
      search.seeds() > 1 ? absl::StrCat(" (mean of ", search.seeds(), " seeds, 95 % interval)")
                         : "",
      ", compute times: ", search.device()));
  absl::StrAppend(&text, "\n", Compared(search), LeftBehind(search), Blocks(search), "\n");
  const bool chose = search.error().empty() && search.candidates() < search.mixtures();
  absl::StrAppend(&text, "Tried: ", search.candidates(), " of ", FormatCount(search.mixtures()),
                  " mixtures", chose ? ", by the sums of their blocks' changes" : "", ".\n");
  absl::StrAppend(&text, FlushParagraph(Choice(search)));
  if (!search.error().empty())
    absl::StrAppend(&text, FlushParagraph(absl::StrCat("NOT COMPLETE: ", search.error())));
  if (!search.command().empty()) absl::StrAppend(&text, "\n", search.command(), "\n");
  return text;
}

}  // namespace edgetp
