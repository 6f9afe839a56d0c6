// Collects what is wrong with a config; the shared half of the validation rules. Not thread-safe.
#pragma once

#include <cmath>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/units.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

class Violations {
 public:
  // `prefix` is put before every field path: "network." for the profile inside a run.
  explicit Violations(std::string place, std::string prefix = "")
      : place_(std::move(place)), prefix_(std::move(prefix)) {}

  // Keeps the first kMaxLines, and counts the rest: a config can hold a million faults.
  void Add(const std::string& field, const std::string& rule) {
    if (lines_.size() < kMaxLines) {
      lines_.push_back(absl::StrCat(place_, ": ", prefix_, field, ": ", rule));
    } else {
      ++more_;
    }
  }

  template <typename T>
  void AddGot(const std::string& field, const std::string& rule, const T& got) {
    if constexpr (std::is_floating_point_v<T>) {
      Add(field, absl::StrCat(rule, " (got ", FormatPlain(got), UnitOfField(field), ")"));
    } else {
      Add(field, absl::StrCat(rule, " (got ", got, ")"));
    }
  }

  // Demands low <= value <= high; NaN is in no range.
  void InRange(const std::string& field, double value, double low, double high) {
    if (value >= low && value <= high) return;
    AddGot(field,
           absl::StrCat("must be in [", FormatPlain(low), ", ", FormatPlain(high), "]",
                        UnitOfField(field)),
           value);
  }

  // Demands low <= value < high.
  void Below(const std::string& field, double value, double low, double high) {
    if (value >= low && value < high) return;
    AddGot(field, absl::StrCat("must be in [", FormatPlain(low), ", ", FormatPlain(high), ")"),
           value);
  }

  // Demands 1 <= value <= high.
  void Count(const std::string& field, int value, int high) {
    if (value >= 1 && value <= high) return;
    AddGot(field, absl::StrCat("must be in [1, ", high, "]"), value);
  }

  void Positive(const std::string& field, double value) {
    if (value > 0 && std::isfinite(value)) return;
    AddGot(field, "must be a finite number above 0", value);
  }

  void NotNegative(const std::string& field, double value) {
    if (value >= 0 && std::isfinite(value)) return;
    AddGot(field, "must be a finite number of at least 0", value);
  }

  // The rule that a Status states, as a violation of `field`.
  void Demand(const std::string& field, const absl::Status& status) {
    if (!status.ok()) Add(field, std::string(status.message()));
  }

  // Empty, for a part of the same config: `prefix` comes before its field paths.
  Violations OfPart(const std::string& prefix) const {
    return Violations(place_, absl::StrCat(prefix_, prefix));
  }

  // Takes over those of a part of the same config.
  void Append(const Violations& part) {
    lines_.insert(lines_.end(), part.lines_.begin(), part.lines_.end());
    more_ += part.more_;
  }

  absl::Status ToStatus() const {
    if (lines_.empty()) return absl::OkStatus();
    const std::string rest = more_ > 0 ? absl::StrCat("\n... and ", more_, " more") : "";
    return absl::InvalidArgumentError(absl::StrCat(absl::StrJoin(lines_, "\n"), rest));
  }

 private:
  static constexpr size_t kMaxLines = 100;

  std::string place_;
  std::string prefix_;
  std::vector<std::string> lines_;
  size_t more_ = 0;  // that were not kept
};

// The rules of a profile, added to `violations` (validate_network.cc).
void CheckNetwork(const v1::NetworkProfile& network, std::optional<int> world_size,
                  Violations* violations);

// The same of a Llama and of a scenario of boards (validate_scenario.cc).
void CheckLlama(const v1::LlamaConfig& model, Violations* violations);
void CheckBoards(const v1::BoardScenario& scenario, Violations* violations);

// The rules of how a run's ranks work together (validate_strategy.cc).
void CheckStrategy(const v1::RunConfig& config, Violations* violations);
// Those of a device's power and heat, and of its compute_factor (validate_device.cc).
void CheckPowerAndHeat(const v1::DeviceProfile& device, const std::string& path,
                       Violations* violations);

}  // namespace edgetp
