#include "server/hardware.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace edgetp {
namespace {

constexpr char kCpu[] = "cpu";

}  // namespace

std::string KindOf(const v1::JoinRequest& join) {
  if (join.device().empty() || join.device() == kCpu) return kCpu;
  return join.hardware().empty() ? join.device() : join.hardware();
}

std::vector<std::pair<std::string, std::vector<Worker*>>> ByKind(
    const std::vector<Worker*>& workers) {
  std::vector<std::pair<std::string, std::vector<Worker*>>> kinds;
  for (Worker* const worker : workers) {
    const std::string kind = KindOf(worker->join);
    auto known = std::find_if(kinds.begin(), kinds.end(),
                              [&kind](const auto& each) { return each.first == kind; });
    if (known == kinds.end()) known = kinds.insert(kinds.end(), {kind, {}});
    known->second.push_back(worker);
  }
  return kinds;
}

std::string DescribeKinds(const std::vector<Worker*>& workers) {
  std::vector<std::string> parts;
  for (const auto& [kind, members] : ByKind(workers))
    parts.push_back(absl::StrCat(members.size(), " x ", kind));
  return absl::StrJoin(parts, ", ");
}

std::string MissingWorkers(int wanted, int found, const std::vector<Worker*>& idle) {
  const std::string missing = absl::StrCat(wanted - found, " of ", wanted, " workers");
  if (static_cast<int>(idle.size()) < wanted) return missing;
  return absl::StrCat(missing, " of one kind of hardware (idle: ", DescribeKinds(idle),
                      "; mixed, replicated parameters would not stay equal)");
}

std::string UnlikeCpus(const std::vector<Worker*>& workers) {
  std::set<std::string> models, kernels;
  for (const Worker* worker : workers) {
    if (KindOf(worker->join) != kCpu) return "";
    models.insert(worker->join.hardware());
    kernels.insert(worker->join.blas());
  }
  std::vector<std::string> differences;
  if (models.size() > 1) differences.push_back("CPUs: " + absl::StrJoin(models, ", "));
  if (kernels.size() > 1) differences.push_back("BLAS: " + absl::StrJoin(kernels, ", "));
  if (differences.empty()) return "";
  return absl::StrCat("warning: the workers differ (", absl::StrJoin(differences, "; "),
                      "): replicas may drift apart, which the replica check would find");
}

}  // namespace edgetp
