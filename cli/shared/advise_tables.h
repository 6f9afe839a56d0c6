// The answer of `edgetp advise` as text of at most 100 columns, its commands aside. Pure.
#pragma once

#include <string>

#include "edgetp/v1/advise.pb.h"

namespace edgetp {

// The verdict; the best candidates, and those that are best in a way of their own; the commands that
// check and run them; what is known of their losses; what was assumed and left out.
std::string AdviseTable(const v1::AdviseReport& report);

}  // namespace edgetp
