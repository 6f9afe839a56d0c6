// What a search over two layers has found: for the tests of its report and its table.
#pragma once

#include "common/search/pattern_search.h"

namespace edgetp {

inline SearchOptions TwoLayers() {
  return {.layers = 2, .letters = {"t", "s"}, .amounts = {50, 100}, .factor = 2};
}

// `ts` was left behind; `st` costs half a percent, `ss` four.
inline SearchResult Found() {
  return {.candidates = {{"tt", 0.4, {{3.0}, {2.0}}},
                         {"st", 0.3, {{3.1}, {2.01}}},
                         {"ts", 0.3, {{3.3}}},
                         {"ss", 0.2, {{3.2}, {2.08}}}},
          .status = {}};
}

}  // namespace edgetp
