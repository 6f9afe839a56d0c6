#include "cli/shared/strategy_tables.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/shared/format.h"
#include "cli/shared/table.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

std::string LayersText(const v1::StrategyRank& rank) {
  const int last = rank.first_layer() + rank.layers() - 1;
  return rank.layers() == 1 ? absl::StrCat(last) : absl::StrCat(rank.first_layer(), " to ", last);
}

double Sum(const v1::TrafficBytes& bytes) {
  return bytes.activation_fwd() + bytes.activation_bwd() + bytes.grad_sync() + bytes.scalar() +
         bytes.control();
}

std::string Ranks(const v1::StrategyPlanReport& report) {
  Table table({{"rank"},
               {"layers"},
               {"parameters"},
               {"flops"},
               {"all-\nreduces"},
               {"messages\nsent"},
               {"messages\nreceived"},
               {"activations\nforward"},
               {"backward"},
               {"gradients,\nweights"},
               {"memory"}});
  for (const v1::StrategyRank& rank : report.ranks()) {
    table.AddRow({absl::StrCat(rank.rank()), LayersText(rank), FormatCount(rank.parameters()),
                  FormatCount(rank.flops()), absl::StrCat(rank.all_reduces()),
                  absl::StrCat(rank.sends()), absl::StrCat(rank.receives()),
                  FormatBytes(rank.bytes().activation_fwd()),
                  FormatBytes(rank.bytes().activation_bwd()), FormatBytes(rank.bytes().grad_sync()),
                  FormatBytes(rank.memory_bytes().total())});
  }
  return table.Render();
}

}  // namespace

std::string StrategyText(const v1::StrategyUse& use) {
  std::vector<std::string> parts = {use.name()};
  if (!use.schedule().empty()) parts.push_back(use.schedule());
  if (!use.stage_layers().empty())
    parts.push_back(absl::StrCat("layers by stage ", absl::StrJoin(use.stage_layers(), ", ")));
  if (use.round_steps() > 1)
    parts.push_back(absl::StrCat("an exchange every ", use.round_steps(), " steps"));
  return absl::StrJoin(parts, ", ");
}

std::string RoundText(const v1::StrategyUse& use) {
  if (use.round_steps() <= 1) return "";
  return absl::StrCat(use.name(), ": a step is one of ", use.round_steps(),
                      ", which take with their exchange ", FormatSeconds(use.round_seconds()));
}

std::string StrategyPlanTable(const v1::StrategyPlanReport& report) {
  Table table({{"plan", Align::kLeft}, {report.model(), Align::kLeft}});
  table.AddRow({"strategy", StrategyText(report.strategy())});
  table.AddRow({"pattern", report.pattern()});
  table.AddRow({"tokens per step", FormatCount(report.strategy().tokens_per_step())});
  double bytes = 0;
  for (const v1::StrategyRank& rank : report.ranks()) bytes += Sum(rank.bytes());
  const std::string what = report.strategy().round_steps() > 1 ? "round" : "step";
  table.AddRow({absl::StrCat("summed and sent in a ", what),
                absl::StrCat(FormatBytes(bytes / report.ranks_size()), " per rank")});
  return absl::StrCat(table.Render(), "\nOf each rank, in a ", what, ":\n\n", Ranks(report));
}

}  // namespace edgetp
