#include "common/base/normal.h"

#include <cmath>
#include <initializer_list>

namespace edgetp {
namespace {

double Polynomial(std::initializer_list<double> coefficients, double x) {
  double value = 0;
  for (const double coefficient : coefficients) value = value * x + coefficient;
  return value;
}

}  // namespace

double NormalQuantile(double p) {
  constexpr double kTail = 0.02425;
  if (p > 1 - kTail) return -NormalQuantile(1 - p);
  if (p < kTail) {
    const double q = std::sqrt(-2 * std::log(p));
    return Polynomial({-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838,
                       -2.549732539343734, 4.374664141464968, 2.938163982698783},
                      q) /
           Polynomial({7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996,
                       3.754408661907416, 1.0},
                      q);
  }
  const double q = p - 0.5;
  return q *
         Polynomial({-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02,
                     1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239},
                    q * q) /
         Polynomial({-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                     6.680131188771972e+01, -1.328068155288572e+01, 1.0},
                    q * q);
}

}  // namespace edgetp
