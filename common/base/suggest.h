// "Did you mean": what error messages about unknown names share. Pure.
#pragma once

#include <string>
#include <vector>

namespace edgetp {

// The candidate with the fewest edits (a letter added, lost, replaced, or swapped with the next),
// if that few that a typing error explains them; else "".
std::string ClosestName(const std::string& name, const std::vector<std::string>& candidates);

// "; did you mean \"x\"? known: a, b, c" (the question only where there is an answer).
std::string KnownNames(const std::string& name, const std::vector<std::string>& candidates);

}  // namespace edgetp
