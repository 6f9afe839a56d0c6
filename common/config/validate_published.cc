// The rules of published measurements (configs/published).
#include <algorithm>
#include <set>
#include <string>

#include "absl/strings/str_join.h"
#include "common/collective/codec.h"
#include "common/collective/registry.h"
#include "common/config/published_rows.h"
#include "common/config/validate.h"
#include "common/config/violations.h"

namespace edgetp {
namespace {

// Far beyond everything published.
constexpr int kMaxCount = 1 << 16;
constexpr int kMaxPublishedChannels = 1 << 20;
// A rank's plan has an entry for each of them, in each layer.
constexpr int kMaxRanks = 256;
constexpr int kMaxSteps = 1 << 20;  // layers times micro-batches

using Names = std::set<std::string>;

void CheckOptionalCount(const std::string& field, bool present, int value, int high,
                        Violations* violations) {
  if (present) violations->Count(field, value, high);
}

void CheckKnown(const std::string& field, const std::string& name, const Names& known,
                const std::string& what, Violations* violations) {
  if (known.count(name) == 0)
    violations->AddGot(field, absl::StrCat("must name one of the file's ", what), name);
}

void CheckAllReduce(const v1::PublishedAllReduce& work, Violations* violations) {
  violations->Count("nodes", work.nodes(), kMaxRanks);
  violations->Positive("size_mib", work.size_mib());
  violations->Demand("algorithm", FindAlgorithm(work.algorithm()).status());
}

void CheckTraining(const v1::PublishedTraining& work, Violations* violations) {
  if (work.model().empty()) violations->Add("model", "must be set");
  violations->Count("layers", work.layers(), kMaxCount);
  violations->Count("channels", work.channels(), kMaxPublishedChannels);
  violations->Count("sequence", work.sequence(), kMaxPublishedChannels);
  violations->Count("micro_batches", work.micro_batches(), kMaxCount);
  CheckOptionalCount("pipeline", work.has_pipeline(), work.pipeline(), kMaxRanks, violations);
  CheckOptionalCount("tensor", work.has_tensor(), work.tensor(), kMaxRanks, violations);
  CheckOptionalCount("data", work.has_data(), work.data(), kMaxRanks, violations);
  CheckOptionalCount("sequences", work.has_sequences(), work.sequences(), kMaxCount, violations);
  const int heads_of = kPublishedHeadSize * std::max(1, work.tensor());
  if (work.channels() % heads_of != 0) {
    violations->AddGot("channels",
                       absl::StrCat("must be a multiple of ", heads_of, ", ", kPublishedHeadSize,
                                    " for each tensor rank"),
                       work.channels());
  }
  const int stages = std::max(1, work.pipeline());
  if (work.layers() % stages != 0) {
    violations->AddGot("layers", absl::StrCat("must be a multiple of the ", stages, " stages"),
                       work.layers());
  }
  if (static_cast<int64_t>(work.layers()) * work.micro_batches() > kMaxSteps)
    violations->Add("layers", absl::StrCat("layers * micro_batches must be at most ", kMaxSteps));
  if (work.has_wire()) violations->Demand("wire", WireFormat::Parse(work.wire()).status());
  if (work.has_algorithm())
    violations->Demand("algorithm", FindAlgorithm(work.algorithm()).status());
  if (work.has_gradients_mib()) violations->Positive("gradients_mib", work.gradients_mib());
}

void CheckSyncs(const v1::PublishedSyncs& work, Violations* violations) {
  violations->Count("layers", work.layers(), kMaxCount);
  violations->Count("ranks", work.ranks(), kMaxRanks);
  violations->Count("batch", work.batch(), kMaxCount);
  if (work.letter() != "g" && work.letter() != "l")
    violations->AddGot("letter", "must be g or l", work.letter());
  if (work.has_overlap_efficiency())
    violations->InRange("overlap_efficiency", work.overlap_efficiency(), 0, 1);
  violations->Positive("blocking_tokens_per_second", work.blocking_tokens_per_second());
  if (!(work.without_tokens_per_second() >= work.blocking_tokens_per_second())) {
    violations->AddGot("without_tokens_per_second",
                       "must be at least blocking_tokens_per_second: exchanges take time",
                       work.without_tokens_per_second());
  }
}

void CheckLlamaWork(const std::string& model, int boards, const Names& models,
                    Violations* violations) {
  CheckKnown("model", model, models, "models", violations);
  violations->Count("boards", boards, kMaxRanks);
}

void CheckWork(const v1::PublishedRow& row, const Names& models, Violations* violations) {
  switch (row.work_case()) {
    case v1::PublishedRow::kAllReduce:
      return CheckAllReduce(row.all_reduce(), violations);
    case v1::PublishedRow::kMessage:
      return violations->Positive("size_mib", row.message().size_mib());
    case v1::PublishedRow::kTraining:
      return CheckTraining(row.training(), violations);
    case v1::PublishedRow::kSyncs:
      return CheckSyncs(row.syncs(), violations);
    case v1::PublishedRow::kRounds:
      violations->Count("inner_steps", row.rounds().inner_steps(), kMaxCount);
      return violations->Positive("exchange_seconds", row.rounds().exchange_seconds());
    case v1::PublishedRow::kTraffic:
      CheckLlamaWork(row.traffic().model(), row.traffic().boards(), models, violations);
      if (row.traffic().sync() == v1::BoardSet::SYNC_UNSPECIFIED)
        violations->Add("sync", "must be SYNC_SLICES or SYNC_SUMS");
      return violations->Demand("wire", WireFormat::Parse(row.traffic().wire()).status());
    case v1::PublishedRow::kMemory:
      return CheckLlamaWork(row.memory().model(), row.memory().boards(), models, violations);
    case v1::PublishedRow::WORK_NOT_SET:
      break;
  }
}

void CheckMeasurement(const v1::PublishedRow& row, const WorkTraits& traits,
                      Violations* violations) {
  const Measurement measured = MeasurementOf(row);
  violations->Positive("measured", measured.value);
  if (row.has_share()) violations->Below("share", row.share(), 0, 1);
  const bool fits =
      std::find(traits.units.begin(), traits.units.end(), measured.unit) != traits.units.end();
  if (!fits) {
    violations->AddGot(
        "measured",
        absl::StrCat("of ", traits.name, " must be in ", absl::StrJoin(traits.units, " or ")),
        measured.unit);
  }
}

void CheckRow(const v1::PublishedSet& set, const v1::PublishedRow& row, const Names& networks,
              const Names& models, Violations* violations) {
  const WorkTraits* const traits = TraitsOf(row);
  if (traits == nullptr) {
    return violations->Add("work", "must be set: all_reduce, message, training, ...");
  }
  CheckMeasurement(row, *traits, violations);
  Violations of_work = violations->OfPart(absl::StrCat(traits->name, "."));
  CheckWork(row, models, &of_work);
  violations->Append(of_work);
  if (row.has_network()) CheckKnown("network", row.network(), networks, "networks", violations);
  if (row.use() == v1::PublishedRow::USE_ASIDE && row.why().empty())
    violations->Add("why", "must say why the row does not count");
  if (traits->needs_input && InputOf(set, row) == nullptr) {
    violations->Add("use", absl::StrCat("needs a row of its set with use: USE_INPUT",
                                        traits->same_work ? " and the same work" : ""));
  }
}

Names CheckNetworks(const v1::Published& published, Violations* violations) {
  Names names;
  for (int i = 0; i < published.networks_size(); ++i) {
    const v1::NetworkProfile& network = published.networks(i);
    Violations of_network = violations->OfPart(absl::StrCat("networks[", i, "]."));
    CheckNetwork(network, std::nullopt, &of_network);
    if (network.events_size() > 0)
      of_network.Add("events", "must be absent: what was measured did not change");
    if (network.name().empty() || !names.insert(network.name()).second)
      of_network.AddGot("name", "must be set, and differ from those before", network.name());
    violations->Append(of_network);
  }
  return names;
}

Names CheckModels(const v1::Published& published, Violations* violations) {
  Names names;
  for (int i = 0; i < published.models_size(); ++i) {
    Violations of_model = violations->OfPart(absl::StrCat("models[", i, "]."));
    CheckLlama(published.models(i), &of_model);
    if (!names.insert(published.models(i).name()).second)
      of_model.AddGot("name", "must differ from those before", published.models(i).name());
    violations->Append(of_model);
  }
  return names;
}

void CheckSet(const v1::PublishedSet& set, const Names& networks, const Names& models,
              Violations* violations) {
  if (set.name().empty()) violations->Add("name", "must be set");
  if (set.rows_size() == 0) violations->Add("rows", "must hold at least one");
  for (int i = 0; i < set.rows_size(); ++i) {
    Violations of_row = violations->OfPart(absl::StrCat("rows[", i, "]."));
    CheckRow(set, set.rows(i), networks, models, &of_row);
    violations->Append(of_row);
  }
}

}  // namespace

absl::Status ValidatePublished(const v1::Published& published, const std::string& place) {
  Violations violations(place);
  if (published.source().empty())
    violations.Add("source", "must say who measured it, and where it is published");
  if (published.kind() == v1::KIND_UNSPECIFIED) violations.Add("kind", "must be set");
  const Names networks = CheckNetworks(published, &violations);
  const Names models = CheckModels(published, &violations);
  if (published.sets_size() + published.boards_size() == 0)
    violations.Add("sets", "must hold at least one, or boards");
  for (int i = 0; i < published.sets_size(); ++i) {
    Violations of_set = violations.OfPart(absl::StrCat("sets[", i, "]."));
    CheckSet(published.sets(i), networks, models, &of_set);
    violations.Append(of_set);
  }
  for (int i = 0; i < published.boards_size(); ++i) {
    Violations of_boards = violations.OfPart(absl::StrCat("boards[", i, "]."));
    CheckBoards(published.boards(i), &of_boards);
    violations.Append(of_boards);
  }
  return violations.ToStatus();
}

}  // namespace edgetp
