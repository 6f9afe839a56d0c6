// What can be told of a plan's lists whatever they are for: their collectives, and whether those of
// different ranks belong together.
#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/plan/step_plan.h"

namespace edgetp {
namespace {

bool Starts(const PlanStep& step) {
  const auto* entry = std::get_if<CollectiveStep>(&step);
  return entry != nullptr && entry->part != CollectivePart::kWait;
}

std::string Describe(const CollectiveStep& step) {
  const std::string group =
      step.group.empty() ? "all ranks" : absl::StrCat("ranks ", absl::StrJoin(step.group, ","));
  return absl::StrCat("{", NameOf(step.kind), " ", NameOf(step.tag.traffic),
                      " layer=", step.tag.layer, " elements=", step.elements, " of ", group, "}");
}

bool Same(const CollectiveStep& a, const CollectiveStep& b) {
  return a.kind == b.kind && a.elements == b.elements && a.wire == b.wire &&
         a.tag.traffic == b.tag.traffic && a.tag.reduction == b.tag.reduction;
}

// Goes through the lists of all ranks together, without times: who comes to a collective waits
// until its whole group has come; a message waits for its receiver.
class Rendezvous {
 public:
  explicit Rendezvous(const StepPlan& plan)
      : lists_(plan.steps), next_(lists_.size(), 0), stands_(lists_.size(), false) {}

  absl::Status Run() {
    for (int rank = 0; rank < ranks(); ++rank) ready_.push_back(rank);
    while (!ready_.empty()) {
      const int rank = ready_.front();
      ready_.pop_front();
      RETURN_IF_ERROR(Advance(rank));
    }
    for (int rank = 0; rank < ranks(); ++rank) {
      if (const CollectiveStep* step = Next(rank); step != nullptr)
        return Wrong(rank, *step, "the others never come to it");
    }
    for (const auto& [members, group] : groups_) {
      if (!group.sent.empty())
        return Wrong(members.front(), *group.sent.front(), "nobody receives it");
    }
    return absl::OkStatus();
  }

 private:
  struct Group {
    size_t arrived = 0;
    const CollectiveStep* step = nullptr;    // that those who have arrived are at
    std::deque<const CollectiveStep*> sent;  // and not received yet
  };

  int ranks() const { return static_cast<int>(lists_.size()); }

  absl::Status Wrong(int rank, const CollectiveStep& step, const std::string& why) const {
    return absl::InvalidArgumentError(
        absl::StrCat("step plan: ", Describe(step), " of rank ", rank, ": ", why));
  }

  // Null at the end of the list.
  const CollectiveStep* Next(int rank) {
    const std::vector<PlanStep>& steps = lists_[rank];
    size_t& next = next_[rank];
    while (next < steps.size() && !Starts(steps[next])) ++next;
    return next == steps.size() ? nullptr : &std::get<CollectiveStep>(steps[next]);
  }

  // Until the rank has to wait.
  absl::Status Advance(int rank) {
    while (!stands_[rank]) {
      const CollectiveStep* const step = Next(rank);
      if (step == nullptr) break;
      RETURN_IF_ERROR(CheckGroup(rank, *step));
      ASSIGN_OR_RETURN(const bool done,
                       step->kind == CollectiveKind::kSend ? Pass(rank, *step) : Meet(rank, *step));
      if (!done) break;
    }
    return absl::OkStatus();
  }

  absl::Status CheckGroup(int rank, const CollectiveStep& step) const {
    const std::vector<int>& group = step.group;
    const bool sends = step.kind == CollectiveKind::kSend;
    if (sends && group.size() != 2) return Wrong(rank, step, "a message has two ranks");
    if (group.empty()) return absl::OkStatus();
    if (std::find(group.begin(), group.end(), rank) == group.end())
      return Wrong(rank, step, "its rank is not in the group");
    std::vector<int> sorted = group;
    std::sort(sorted.begin(), sorted.end());
    if (sorted.front() < 0 || sorted.back() >= ranks())
      return Wrong(rank, step, absl::StrCat("there are ", ranks(), " ranks"));
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
      return Wrong(rank, step, "a rank is in the group twice");
    if (step.kind == CollectiveKind::kAllReduce && sorted != group)
      return Wrong(rank, step, "the ranks of an all-reduce must rise");
    return absl::OkStatus();
  }

  absl::StatusOr<bool> Pass(int rank, const CollectiveStep& step) {
    std::deque<const CollectiveStep*>& sent = groups_[step.group].sent;
    if (rank == step.group.front()) {
      sent.push_back(&step);
      ready_.push_back(step.group.back());
    } else {
      if (sent.empty()) return false;
      if (!Same(*sent.front(), step))
        return Wrong(rank, step, absl::StrCat("what is sent is ", Describe(*sent.front())));
      sent.pop_front();
    }
    ++next_[rank];
    return true;
  }

  absl::StatusOr<bool> Meet(int rank, const CollectiveStep& step) {
    Group& group = groups_[step.group];
    if (group.step == nullptr) group.step = &step;
    if (!Same(*group.step, step))
      return Wrong(rank, step, absl::StrCat("another rank is at ", Describe(*group.step)));
    stands_[rank] = true;
    const size_t size = step.group.empty() ? lists_.size() : step.group.size();
    if (++group.arrived < size) return false;
    group.arrived = 0;
    group.step = nullptr;
    for (size_t i = 0; i < size; ++i) {
      const int member = step.group.empty() ? static_cast<int>(i) : step.group[i];
      stands_[member] = false;
      ++next_[member];
      if (member != rank) ready_.push_back(member);
    }
    return true;
  }

  const std::vector<std::vector<PlanStep>>& lists_;
  std::vector<size_t> next_;
  std::vector<bool> stands_;  // at a collective, until its group is complete
  std::deque<int> ready_;
  std::map<std::vector<int>, Group> groups_;
};

}  // namespace

std::vector<CollectiveStep> Collectives(const std::vector<PlanStep>& steps) {
  std::vector<CollectiveStep> collectives = CollectiveEntries(steps);
  std::erase_if(collectives,
                [](const CollectiveStep& step) { return step.part == CollectivePart::kWait; });
  return collectives;
}

std::vector<CollectiveStep> CollectiveEntries(const std::vector<PlanStep>& steps) {
  std::vector<CollectiveStep> entries;
  for (const PlanStep& step : steps) {
    if (const auto* entry = std::get_if<CollectiveStep>(&step)) entries.push_back(*entry);
  }
  return entries;
}

void ForEachCollective(const StepPlan& plan, absl::FunctionRef<void(const CollectiveStep&)> visit) {
  for (size_t rank = 0; rank < plan.steps.size(); ++rank) {
    for (const PlanStep& step : plan.steps[rank]) {
      if (!Starts(step)) continue;
      const auto& collective = std::get<CollectiveStep>(step);
      const int first = collective.group.empty() ? 0 : collective.group.front();
      if (first == static_cast<int>(rank)) visit(collective);
    }
  }
}

absl::Status CheckGroups(const StepPlan& plan) { return Rendezvous(plan).Run(); }

absl::Status CheckHandles(const std::vector<PlanStep>& steps) {
  std::vector<bool> waited;  // by handle, of those that have started
  const auto wrong = [](const char* what, int64_t handle) {
    return absl::InvalidArgumentError(
        absl::StrCat("step plan: a collective ", what, " (handle=", handle, ")"));
  };
  for (const PlanStep& step : steps) {
    const auto* entry = std::get_if<CollectiveStep>(&step);
    if (entry == nullptr || entry->part == CollectivePart::kBoth) continue;
    const auto started = static_cast<int64_t>(waited.size());
    const int64_t handle = entry->handle;
    if (entry->part == CollectivePart::kStart) {
      if (handle != started) return wrong("starts with a handle that is not the next", handle);
      waited.push_back(false);
      continue;
    }
    if (handle < 0 || handle >= started || waited[handle])
      return wrong("is waited for that has not started, or was waited for", handle);
    waited[handle] = true;
  }
  for (size_t handle = 0; handle < waited.size(); ++handle) {
    if (!waited[handle])
      return wrong("starts and is never waited for", static_cast<int64_t>(handle));
  }
  return absl::OkStatus();
}

}  // namespace edgetp
