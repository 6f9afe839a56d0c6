// What the simulator says of the work of one published row, in the unit of its measurement: one
// function for each kind of work. Used by published_report. Pure and deterministic.
#pragma once

#include <map>

#include "absl/status/statusor.h"
#include "edgetp/v1/published.pb.h"

namespace edgetp {

// What the inputs of a source gave: the seconds of a floating-point operation, by row.
using FittedSpeeds = std::map<const v1::PublishedRow*, double>;

struct PublishedCase {
  const v1::Published& file;  // keeps the rules of ValidatePublished
  const v1::PublishedRow& row;
  v1::NetworkProfile network;  // of the row; unlimited where it names none
  // What the prediction takes as given, and its network; null where the work needs nothing.
  const v1::PublishedRow* input = nullptr;
  v1::NetworkProfile input_network = {};
  FittedSpeeds* fitted = nullptr;  // of all rows of the file so far: several take the same input
};

// Errors: those of the simulator and of the plan's builder; InvalidArgument where no compute time
//   explains the input.
absl::StatusOr<double> PriceAllReduceRow(const PublishedCase& row);  // seconds
absl::StatusOr<double> PriceMessageRow(const PublishedCase& row);    // seconds
absl::StatusOr<double> PriceTrainingRow(const PublishedCase& row);   // seconds
absl::StatusOr<double> PriceSyncsRow(const PublishedCase& row);      // tokens per second
absl::StatusOr<double> PriceRoundsRow(const PublishedCase& row);     // share
absl::StatusOr<double> PriceTrafficRow(const PublishedCase& row);    // KiB
absl::StatusOr<double> PriceMemoryRow(const PublishedCase& row);     // GiB

}  // namespace edgetp
