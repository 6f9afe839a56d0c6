#include "common/advise/loss.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

constexpr char kModel[] = "MiniGPT, 2 workers, 2000 steps";

// Whether `pattern` goes on and on as the four letters do.
bool Repeats(const std::string& letters, const std::string& pattern, int layers) {
  const auto parsed = Pattern::Parse(pattern, layers);
  if (!parsed.ok()) return false;
  const std::string expanded = parsed->Expanded();
  if (static_cast<int>(expanded.size()) != layers) return false;  // it has modifiers
  for (size_t i = 0; i < expanded.size(); ++i) {
    if (expanded[i] != letters[i % letters.size()]) return false;
  }
  return true;
}

}  // namespace

const std::vector<LossTable>& LossTables() {
  static const auto* const kTables = new std::vector<LossTable>{
      {"Ten patterns, three seeds",
       {"tttt", "fp32", 1.8102},
       {{"tstt", "fp32", 1.8081},
        {"tsst", "fp32", 1.8097},
        {"tsss", "fp32", 1.8091},
        {"ssss", "fp32", 1.7855},
        {"psss", "fp32", 1.7855},
        {"spss", "fp32", 1.7855},
        {"spps", "fp32", 1.7747},
        {"sspp", "fp32", 1.7792},
        {"sppp", "fp32", 1.7686},
        {"pppp", "fp32", 1.8197}}},
      {"Wire formats, two workers",  // of one seed
       {"tttt", "fp32", 1.8019},
       {{"tttt", "bf16", 1.8019},
        {"tttt", "fp8e4m3", 1.8037},
        {"tttt", "int8", 1.8023},
        {"tttt", "int4", 1.8390},
        {"tttt", "int4+hadamard", 1.8361},
        {"tttt", "mxfp4", 1.8363},
        {"sppp", "bf16", 1.7631},
        {"sppp", "fp8e4m3", 1.7645},
        {"sppp", "int8", 1.7634},
        {"sppp", "int4", 1.7830},
        {"sppp", "int4+hadamard", 1.7862},
        {"sppp", "mxfp4", 1.7987}}}};
  return *kTables;
}

v1::AdvisedLoss LossOf(const AdviseGroup& group, int layers) {
  v1::AdvisedLoss loss;
  loss.set_effect(IsExact(group) ? "exact" : "not_known");
  // The runs are of ranks that share all tensors.
  if (IsExact(group) || group.strategy.shards != group.workers()) return loss;
  for (const LossTable& table : LossTables()) {
    for (const MeasuredLoss& row : table.rows) {
      if (group.wire != row.wire || !Repeats(row.pattern, group.pattern, layers)) continue;
      loss.set_effect("measured");
      loss.set_val_loss(row.val_loss);
      loss.set_baseline_val_loss(table.baseline.val_loss);
      loss.set_baseline(absl::StrCat(table.baseline.pattern, " ", table.baseline.wire));
      loss.set_source(absl::StrCat(kModel, ": docs/experiments.md, ", table.section));
    }
  }
  return loss;
}

}  // namespace edgetp
