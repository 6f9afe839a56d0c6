#include "common/published/published_report.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/config/load.h"
#include "common/config/published_rows.h"
#include "common/published/row_prices.h"
#include "common/published/training_plan.h"
#include "common/simulate/board_report.h"

namespace edgetp {
namespace {

using Row = v1::PublishedRow;

std::string TrainingLabel(const v1::PublishedTraining& work) {
  const TrainingSizes sizes(work);
  std::string label = absl::StrCat(work.model(), ", ", work.layers(), " layers");
  const std::pair<const char*, int> groups[] = {
      {" P", sizes.pipeline}, {" T", sizes.tensor}, {" D", sizes.data}};
  for (const auto& [name, size] : groups) {
    if (size > 1) absl::StrAppend(&label, name, size);
  }
  return label;
}

std::string TrafficLabel(const v1::PublishedTraffic& work) {
  const char* const direction = work.direction() == v1::PublishedTraffic::DIRECTION_SENT ? ", sent"
                                : work.direction() == v1::PublishedTraffic::DIRECTION_RECEIVED
                                    ? ", received"
                                    : "";
  return absl::StrCat(work.model(), ", ", work.boards(), " boards, ", work.wire(), direction);
}

// How each kind of work is priced, and what tells its rows apart.
struct WorkKind {
  Row::WorkCase work;
  absl::StatusOr<double> (*price)(const PublishedCase&);
  std::string (*label)(const Row&);
};

const std::vector<WorkKind>& Kinds() {
  static const auto* const kKinds = new std::vector<WorkKind>{
      {Row::kAllReduce, &PriceAllReduceRow,
       [](const Row& row) {
         const v1::PublishedAllReduce& work = row.all_reduce();
         return absl::StrCat(work.nodes(), " nodes, ", work.size_mib(), " MiB");
       }},
      {Row::kMessage, &PriceMessageRow,
       [](const Row& row) { return absl::StrCat(row.message().size_mib(), " MiB"); }},
      {Row::kTraining, &PriceTrainingRow,
       [](const Row& row) { return TrainingLabel(row.training()); }},
      {Row::kSyncs, &PriceSyncsRow,
       [](const Row& row) {
         return absl::StrCat("batch ", row.syncs().batch(), ", ", row.syncs().ranks(), " GPUs");
       }},
      {Row::kRounds, &PriceRoundsRow,
       [](const Row& row) {
         const v1::PublishedRounds& work = row.rounds();
         return absl::StrCat(work.inner_steps(), " steps, exchange of ", work.exchange_seconds(),
                             " s");
       }},
      {Row::kTraffic, &PriceTrafficRow, [](const Row& row) { return TrafficLabel(row.traffic()); }},
      {Row::kMemory, &PriceMemoryRow, [](const Row& row) {
         return absl::StrCat(row.memory().model(), ", ", row.memory().boards(), " boards");
       }}};
  return *kKinds;
}

// Validation has seen to it that a row has work.
const WorkKind& KindOf(const Row& row) {
  return *std::find_if(Kinds().begin(), Kinds().end(),
                       [&](const WorkKind& kind) { return kind.work == row.work_case(); });
}

std::string LabelOf(const Row& row) {
  const std::string label = KindOf(row).label(row);
  return row.has_label() ? absl::StrCat(label, ", ", row.label()) : label;
}

// Validation has seen to it that a name is one of the file's.
v1::NetworkProfile NetworkOf(const v1::Published& file, const Row& row) {
  for (const v1::NetworkProfile& network : file.networks()) {
    if (row.has_network() && network.name() == row.network()) return network;
  }
  return UnlimitedNetwork();
}

const char* NameOf(Row::Use use) {
  if (use == Row::USE_INPUT) return "input";
  return use == Row::USE_ASIDE ? "aside" : "predict";
}

void FillError(v1::ValidateRow* row) {
  row->set_error_share(row->predicted() / row->measured() - 1);
}

absl::Status FillRow(const v1::Published& file, const v1::PublishedSet& set, const Row& row,
                     FittedSpeeds* fitted, v1::ValidateRow* out) {
  PublishedCase one{
      .file = file, .row = row, .network = NetworkOf(file, row), .fitted = fitted};
  if (TraitsOf(row)->needs_input) {
    one.input = InputOf(set, row);
    one.input_network = NetworkOf(file, *one.input);
  }
  const Measurement measured = MeasurementOf(row);
  out->set_label(LabelOf(row));
  out->set_network(row.network());
  out->set_use(NameOf(row.use()));
  out->set_why(row.why());
  out->set_unit(measured.unit);
  out->set_measured(measured.value);
  const auto predicted = KindOf(row).price(one);
  RETURN_IF_ERROR(Annotate(predicted.status(), out->label()));
  out->set_predicted(*predicted);
  FillError(out);
  return absl::OkStatus();
}

void FillRow(const v1::BoardRowReport& row, const std::string& network, v1::ValidateRow* out) {
  out->set_label(
      absl::StrCat(row.model(), ", ", row.boards(), row.boards() == 1 ? " board" : " boards"));
  out->set_network(network);
  out->set_use(row.use() == "predict" ? "predict" : "input");
  out->set_unit("s");
  out->set_measured(row.published_token_seconds());
  out->set_predicted(row.token_seconds());
  FillError(out);
}

// Mean and worst error of what was predicted.
class Errors {
 public:
  void Add(const v1::ValidateSet& set) {
    for (const v1::ValidateRow& row : set.rows()) {
      if (row.use() != "predict") continue;
      ++rows_;
      sum_ += std::abs(row.error_share());
      worst_ = std::max(worst_, std::abs(row.error_share()));
    }
  }

  template <typename Report>
  void Fill(Report* report) const {
    report->set_predicted_rows(rows_);
    report->set_mean_error(rows_ == 0 ? 0 : sum_ / rows_);
    report->set_worst_error(worst_);
  }

 private:
  int rows_ = 0;
  double sum_ = 0;
  double worst_ = 0;
};

void FillErrors(v1::ValidateSource* source) {
  Errors of_source;
  for (v1::ValidateSet& set : *source->mutable_sets()) {
    Errors of_set;
    of_set.Add(set);
    of_set.Fill(&set);
    of_source.Add(set);
  }
  of_source.Fill(source);
}

absl::Status AddBoards(const v1::BoardScenario& boards, v1::ValidateSource* source) {
  ASSIGN_OR_RETURN(const v1::BoardReport report, PredictBoards(boards));
  for (const v1::BoardSetReport& set : report.sets()) {
    v1::ValidateSet* const out = source->add_sets();
    out->set_name(set.name());
    std::string note = absl::StrFormat("fitted: %.2f GB/s of weights for each board",
                                       1e-9 * set.memory_bytes_per_second());
    if (set.message_overhead_us() > 0) {
      absl::StrAppendFormat(&note, ", %.0f us of software for a message at each end",
                            set.message_overhead_us());
    }
    out->set_note(note);
    for (const v1::BoardRowReport& row : set.rows())
      FillRow(row, report.network(), out->add_rows());
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ValidateSource> HoldAgainst(const v1::Published& published) {
  v1::ValidateSource source;
  source.set_name(published.name());
  source.set_title(published.title());
  source.set_source(published.source());
  source.set_kind(v1::Kind_Name(published.kind()));
  FittedSpeeds fitted;
  for (const v1::PublishedSet& set : published.sets()) {
    v1::ValidateSet* const out = source.add_sets();
    out->set_name(set.name());
    out->set_note(set.note());
    for (const Row& row : set.rows()) {
      RETURN_IF_ERROR(
          Annotate(FillRow(published, set, row, &fitted, out->add_rows()), set.name()));
    }
  }
  for (const v1::BoardScenario& boards : published.boards())
    RETURN_IF_ERROR(AddBoards(boards, &source));
  FillErrors(&source);
  return source;
}

}  // namespace edgetp
