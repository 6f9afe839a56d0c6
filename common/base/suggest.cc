#include "common/base/suggest.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace edgetp {
namespace {

// Damerau's distance in its simple form: no letter is edited twice.
size_t Edits(const std::string& a, const std::string& b) {
  std::vector<size_t> last(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      next[j] = std::min({replaced, row[j] + 1, next[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) next[j] = std::min(next[j], last[j - 2] + 1);
    }
    last.swap(row);
    row.swap(next);
  }
  return row.back();
}

}  // namespace

std::string ClosestName(const std::string& name, const std::vector<std::string>& candidates) {
  std::string closest;
  size_t fewest = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t edits = Edits(name, candidate);
    if (edits < fewest) {
      fewest = edits;
      closest = candidate;
    }
  }
  return closest;
}

std::string KnownNames(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string closest = ClosestName(name, candidates);
  const std::string question =
      closest.empty() ? "" : absl::StrCat("; did you mean \"", closest, "\"?");
  return absl::StrCat(question,
                      closest.empty() ? "; known: " : " known: ", absl::StrJoin(candidates, ", "));
}

}  // namespace edgetp
