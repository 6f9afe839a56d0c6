#include "common/config/published_rows.h"

#include <google/protobuf/util/message_differencer.h>

namespace edgetp {
namespace {

using google::protobuf::util::MessageDifferencer;

constexpr double kSecondsPerMs = 1e-3;

const std::vector<WorkTraits>& AllTraits() {
  using Row = v1::PublishedRow;
  static const auto* const kTraits = new std::vector<WorkTraits>{
      {Row::kAllReduce, "all_reduce", {"s"}},
      {Row::kMessage, "message", {"s"}},
      {Row::kTraining, "training", {"s"}, /*needs_input=*/true, /*same_work=*/true},
      {Row::kSyncs, "syncs", {"tok/s", "x"}},
      {Row::kRounds, "rounds", {"share"}, /*needs_input=*/true},
      {Row::kTraffic, "traffic", {"KiB"}},
      {Row::kMemory, "memory", {"GiB"}}};
  return *kTraits;
}

}  // namespace

Measurement MeasurementOf(const v1::PublishedRow& row) {
  switch (row.measured_case()) {
    case v1::PublishedRow::kSeconds:
      return {row.seconds(), "s"};
    case v1::PublishedRow::kMs:
      return {kSecondsPerMs * row.ms(), "s"};
    case v1::PublishedRow::kTokensPerSecond:
      return {row.tokens_per_second(), "tok/s"};
    case v1::PublishedRow::kSpeedup:
      return {row.speedup(), "x"};
    case v1::PublishedRow::kShare:
      return {row.share(), "share"};
    case v1::PublishedRow::kKib:
      return {row.kib(), "KiB"};
    case v1::PublishedRow::kGib:
      return {row.gib(), "GiB"};
    case v1::PublishedRow::MEASURED_NOT_SET:
      break;
  }
  return {};
}

const WorkTraits* TraitsOf(const v1::PublishedRow& row) {
  for (const WorkTraits& traits : AllTraits()) {
    if (traits.work == row.work_case()) return &traits;
  }
  return nullptr;
}

const v1::PublishedRow* InputOf(const v1::PublishedSet& set, const v1::PublishedRow& row) {
  const WorkTraits* const traits = TraitsOf(row);
  for (const v1::PublishedRow& other : set.rows()) {
    if (other.use() != v1::PublishedRow::USE_INPUT) continue;
    if (other.work_case() != row.work_case()) continue;
    if (traits->same_work && !MessageDifferencer::Equals(other.training(), row.training()))
      continue;
    return &other;
  }
  return nullptr;
}

}  // namespace edgetp
