// The report of a search as text of at most 100 columns. Pure: a message in, text out.
#pragma once

#include <string>

#include "edgetp/v1/search.pb.h"

namespace edgetp {

// What was compared last, with the front and the chosen pattern; what was left behind; the blocks one
// by one; then what was found, in sentences, and the command for it.
std::string SearchTable(const v1::SearchReport& search);

}  // namespace edgetp
