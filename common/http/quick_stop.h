// CivetWeb, which serves metrics and the live page, looks for its end every two seconds, or when
// somebody connects: so somebody does.
#pragma once

#include <functional>
#include <string>

namespace edgetp {

// Calls `stop`, which ends what listens at `address` (HOST:PORT), and connects there meanwhile.
// Blocks until: `stop` has returned.
void StopWithVisits(const std::string& address, const std::function<void()>& stop);

}  // namespace edgetp
