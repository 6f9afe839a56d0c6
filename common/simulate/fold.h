// Identical collectives are simulated once. Where the network is deterministic, a round, in which all
// ranks enter a collective, each with its group, is a function of what these are and of when each
// rank enters, relative to the first one, as long as nothing else is under way: then its timeline is that of the identical one before, shifted. All
// times are whole ticks, so the shifted timeline is the simulated one to the last bit. Who may take
// an outcome from here is the engine's decision. Pure data; not thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/network/attribution.h"
#include "common/plan/step_plan.h"

namespace edgetp {

struct CollectiveKey {
  // What one group does.
  struct OfGroup {
    int group = 0;  // its id
    CollectiveKind kind = CollectiveKind::kAllReduce;
    int64_t elements = 0;
    WireFormat wire;
    bool operator==(const OfGroup& other) const = default;
  };
  std::vector<OfGroup> collectives;     // in the order of the groups' first ranks
  std::vector<absl::Duration> entries;  // by rank, since the first one
  // Since when each rank's thread waits for it, likewise; empty: since it entered, as all do for a
  // blocking one.
  std::vector<absl::Duration> waits;

  bool operator==(const CollectiveKey& other) const = default;
};

// All times since the first rank's entry.
struct CollectiveOutcome {
  struct Rank {
    absl::Duration left;
    TimeBreakdown terms;  // from its entry until it left, but for the overlap
    absl::Duration overlap;
  };
  std::vector<Rank> ranks;
  std::vector<int> leaving_order;  // breaks ties between what the ranks do next
  absl::Duration quiet;            // all ranks have left, and every link is idle
};

class FoldMemo {
 public:
  const CollectiveOutcome* Find(const CollectiveKey& key) const {
    for (const auto& [known, outcome] : outcomes_) {
      if (known == key) return &outcome;
    }
    return nullptr;
  }

  // Forgets nothing and is bounded: what comes late is simulated.
  bool full() const { return outcomes_.size() == kCapacity; }
  void Add(CollectiveKey key, CollectiveOutcome outcome) {
    outcomes_.emplace_back(std::move(key), std::move(outcome));
  }
  void Clear() { outcomes_.clear(); }

 private:
  // A plan has about four kinds of all-reduces and a few patterns of skew; 64 of them for 1024
  // ranks take 10 MB.
  static constexpr size_t kCapacity = 64;

  std::vector<std::pair<CollectiveKey, CollectiveOutcome>> outcomes_;
};

// A round that is being simulated for later use.
struct CollectiveRecording {
  CollectiveKey key;
  std::vector<size_t> launched;  // by rank: which of the step it is, from 1
  absl::Time base;
  std::vector<TimeBreakdown> before;  // of each rank at its entry
  CollectiveOutcome outcome;
};

}  // namespace edgetp
