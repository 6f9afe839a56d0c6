// The rules of scenarios of real boards (configs/scenarios), and of the Llamas that they name.
#include <algorithm>
#include <set>
#include <string>

#include "common/collective/codec.h"
#include "common/config/validate.h"
#include "common/config/violations.h"

namespace edgetp {
namespace {

// Far beyond every published model.
constexpr int kMaxSize = 1 << 24;
constexpr int kMaxBoards = 4096;
constexpr int kMaxContext = 1 << 20;

void CheckRow(const v1::BoardRow& row, const std::set<std::string>& models, const std::string& path,
              Violations* violations) {
  if (models.count(row.model()) == 0) {
    violations->AddGot(path + ".model", "must name one of the scenario's models", row.model());
  }
  violations->Count(path + ".boards", row.boards(), kMaxBoards);
  violations->Positive(path + ".token_ms", row.token_ms());
  violations->NotNegative(path + ".compute_ms", row.compute_ms());
  violations->NotNegative(path + ".transfer_ms", row.transfer_ms());
  violations->NotNegative(path + ".transfer_kib", row.transfer_kib());
  if (row.use() == v1::BoardRow::USE_UNSPECIFIED) {
    violations->Add(path + ".use", "must be USE_PREDICT, USE_FIT_COMPUTE or USE_FIT_SOFTWARE");
  }
}

// Those of the set's rows, where they all have as many; else 0.
int CommonBoards(const v1::BoardSet& set) {
  int boards = 0;
  for (const v1::BoardRow& row : set.rows()) {
    if (boards != 0 && row.boards() != boards) return 0;
    boards = row.boards();
  }
  return boards;
}

// What is fitted on more boards than two is no prediction for more boards. Without a row for it,
// software costs nothing.
void CheckFit(const v1::BoardSet& set, v1::BoardRow::Use use, int boards, const std::string& path,
              Violations* violations) {
  const std::string name = v1::BoardRow::Use_Name(use);
  const auto fits = [&](const v1::BoardRow& row) { return row.use() == use; };
  const auto count = std::count_if(set.rows().begin(), set.rows().end(), fits);
  if (count == 0 && use == v1::BoardRow::USE_FIT_SOFTWARE) return;
  if (count != 1) {
    violations->AddGot(path + ".rows", absl::StrCat("must have one row with use: ", name), count);
    return;
  }
  const auto row = std::find_if(set.rows().begin(), set.rows().end(), fits);
  if (row->boards() == boards || row->boards() == CommonBoards(set)) return;
  violations->AddGot(absl::StrCat(path, ".rows[", row - set.rows().begin(), "].boards"),
                     absl::StrCat("must be ", boards, " with use: ", name), row->boards());
}

void CheckSet(const v1::BoardSet& set, const std::set<std::string>& models, const std::string& path,
              Violations* violations) {
  if (set.name().empty()) violations->Add(path + ".name", "must be set");
  if (set.source().empty()) violations->Add(path + ".source", "must say who measured it");
  if (set.kind() == v1::KIND_UNSPECIFIED) violations->Add(path + ".kind", "must be set");
  if (set.sync() == v1::BoardSet::SYNC_UNSPECIFIED) {
    violations->Add(path + ".sync", "must be SYNC_SLICES or SYNC_SUMS");
  }
  if (set.has_wire()) violations->Demand(path + ".wire", WireFormat::Parse(set.wire()).status());
  for (int i = 0; i < set.rows_size(); ++i) {
    CheckRow(set.rows(i), models, absl::StrCat(path, ".rows[", i, "]"), violations);
  }
  CheckFit(set, v1::BoardRow::USE_FIT_COMPUTE, 1, path, violations);
  CheckFit(set, v1::BoardRow::USE_FIT_SOFTWARE, 2, path, violations);
}

}  // namespace

void CheckLlama(const v1::LlamaConfig& model, Violations* violations) {
  if (model.name().empty()) violations->Add("name", "must be set");
  if (model.source().empty()) violations->Add("source", "must be set");
  const std::pair<const char*, int> sizes[] = {
      {"layers", model.layers()},     {"heads", model.heads()},
      {"kv_heads", model.kv_heads()}, {"channels", model.channels()},
      {"hidden", model.hidden()},     {"vocabulary", model.vocabulary()}};
  for (const auto& [name, value] : sizes) violations->Count(name, value, kMaxSize);
}

void CheckBoards(const v1::BoardScenario& scenario, Violations* violations) {
  if (scenario.source().empty()) violations->Add("source", "must say who measured it");
  if (scenario.kind() == v1::KIND_UNSPECIFIED) violations->Add("kind", "must be set");
  violations->InRange("context", scenario.context(), 0, kMaxContext);
  Violations of_network = violations->OfPart("network.");
  CheckNetwork(scenario.network(), std::nullopt, &of_network);
  violations->Append(of_network);
  if (scenario.network().events_size() > 0) {
    violations->Add("network.events", "must be absent: the boards' network did not change");
  }
  std::set<std::string> models;
  for (int i = 0; i < scenario.models_size(); ++i) {
    const std::string path = absl::StrCat("models[", i, "].");
    Violations of_model = violations->OfPart(path);
    CheckLlama(scenario.models(i), &of_model);
    violations->Append(of_model);
    if (!models.insert(scenario.models(i).name()).second) {
      violations->AddGot(path + "name", "must differ from those before", scenario.models(i).name());
    }
  }
  if (scenario.sets_size() == 0) violations->Add("sets", "must hold at least one");
  for (int i = 0; i < scenario.sets_size(); ++i) {
    CheckSet(scenario.sets(i), models, absl::StrCat("sets[", i, "]"), violations);
  }
}

absl::Status ValidateScenario(const v1::BoardScenario& scenario, const std::string& place) {
  Violations violations(place);
  CheckBoards(scenario, &violations);
  return violations.ToStatus();
}

}  // namespace edgetp
