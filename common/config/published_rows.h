// What the rows of published measurements (configs/published) have in common: the unit of a
// measurement, and the row that another one takes as given. Rules and predictions read it here. Pure.
#pragma once

#include <string>
#include <vector>

#include "edgetp/v1/published.pb.h"

namespace edgetp {

// Of the attention heads of a published training step: how many there are costs nothing.
inline constexpr int kPublishedHeadSize = 64;

struct Measurement {
  double value = 0;
  const char* unit = "";  // s, tok/s, x, share, KiB, GiB
};

// Of a row that has one; milliseconds become seconds.
Measurement MeasurementOf(const v1::PublishedRow& row);

// What a kind of work can be measured in, and what its prediction takes as given.
struct WorkTraits {
  v1::PublishedRow::WorkCase work;
  const char* name;                // the field's
  std::vector<std::string> units;  // of MeasurementOf
  bool needs_input = false;        // a row of the set with USE_INPUT
  bool same_work = false;          // and that row has the same work, over another network
};

// Null where a row has no work.
const WorkTraits* TraitsOf(const v1::PublishedRow& row);

// The row with USE_INPUT that the prediction of `row` takes as given; null if there is none.
const v1::PublishedRow* InputOf(const v1::PublishedSet& set, const v1::PublishedRow& row);

}  // namespace edgetp
