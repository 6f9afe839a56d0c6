// Letters of patterns as tables of at most 100 columns. Pure: messages in, text out.
#pragma once

#include <string>

#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Every letter: cost, what it changes, source.
std::string PatternsTable(const v1::PatternsReport& patterns);

// The letters of one plan, and its notes.
std::string LettersTable(const v1::PlanReport& plan);

}  // namespace edgetp
