// Fewer points with the same look, and a calmer line: what a page with curves of 10,000 steps needs.
// Pure.
#pragma once

#include <cstddef>
#include <vector>

namespace edgetp {

// Which of the points to keep, rising: the first, the last, and of each bucket in between the one
// that spans the largest triangle with its neighbours. All of them where there are at most `count`
// (at least 3). What is kept is as it was: nothing is averaged.
// Source: largest-triangle-three-buckets, Steinarsson, "Downsampling Time Series for Visual
// Representation", 2013, section 4.2.
std::vector<size_t> LargestTriangles(const std::vector<double>& x, const std::vector<double>& y,
                                     size_t count);

// Each value becomes the mean of itself and of up to `window` - 1 values before it.
std::vector<double> TrailingMeans(const std::vector<double>& values, size_t window);

}  // namespace edgetp
