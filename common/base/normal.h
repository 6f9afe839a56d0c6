// The inverse of the standard normal distribution: what turns uniform numbers (random.h) into normal
// ones. Pure.
#pragma once

#include <algorithm>

namespace edgetp {

// Half of the generator's last bit inside (0, 1): inverses are infinite at 0 and 1.
inline double InsideUnit(double uniform) { return std::clamp(uniform, 0x1.0p-54, 1 - 0x1.0p-53); }

// At p in (0, 1); relative error 1.2e-9. Source: P. J. Acklam, 2003.
double NormalQuantile(double p);

}  // namespace edgetp
