#include "server/run_book.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// Together some 13 MB; who watches later than this many runs reads the run's directory.
constexpr size_t kClosedRunsKept = 32;
// Of runs that have not ended.
constexpr size_t kMaxWatchers = 256;

// What a watcher is told instead of the events that are not kept.
std::shared_ptr<const v1::RunEvent> Gap(const std::string& run, size_t events,
                                        const std::string& directory) {
  const auto event = std::make_shared<v1::RunEvent>();
  event->mutable_progress()->set_job(run);
  event->mutable_progress()->set_activity(absl::StrCat(
      "the first ", events, " events are not kept in memory",
      directory.empty() ? "" : absl::StrCat("; every step is in ", directory, "/metrics.jsonl")));
  return event;
}

}  // namespace

bool RunBook::Taken(const std::string& run) const {
  std::error_code ignored;  // what cannot be looked at is found when the directory is made
  return entries_.count(run) > 0 || std::filesystem::exists(absl::StrCat(root_, "/", run), ignored);
}

absl::StatusOr<std::string> RunBook::ChooseName(const v1::JobSpec& spec,
                                                absl::Time wall_now) const {
  if (spec.config().has_name()) {
    const std::string& name = spec.config().name();
    RETURN_IF_ERROR(CheckRunName(name));
    const auto known = entries_.find(name);
    if (spec.train().same_run()) {
      if (known != entries_.end() && !known->second.closed)
        return absl::AlreadyExistsError(absl::StrCat("run ", name, " has not ended yet"));
      if (Taken(name)) return name;
      return absl::NotFoundError(absl::StrCat("no run ", name, " in ", root_, " to go on with"));
    }
    if (Taken(name))
      return absl::AlreadyExistsError(absl::StrCat("run ", name, " exists in ", root_));
    return name;
  }
  const std::string base = DefaultRunName(spec, wall_now);
  std::string name = base;
  for (int number = 2; Taken(name); ++number) name = absl::StrCat(base, "-", number);
  return name;
}

absl::StatusOr<std::string> RunBook::Open(const std::string& run, const v1::JobSpec& spec,
                                          absl::Time wall_now, RunPast* past) {
  std::unique_ptr<RunDirectory> directory;
  if (spec.has_train() && spec.train().same_run()) {
    ASSIGN_OR_RETURN(directory, RunDirectory::Reopen(root_, run, spec.config(), wall_now, past));
  } else if (spec.has_train()) {
    ASSIGN_OR_RETURN(directory, RunDirectory::Create(root_, run, spec.config(), wall_now));
  }
  std::erase(closed_, run);
  Entry& entry = entries_[run] = Entry();
  entry.directory = std::move(directory);
  entry.path = entry.directory == nullptr ? "" : entry.directory->path();
  return entry.path;
}

absl::Status RunBook::Record(const std::string& run, const v1::RunEvent& event) {
  const auto found = entries_.find(run);
  if (found == entries_.end() || found->second.closed) return absl::OkStatus();
  Entry& entry = found->second;
  const auto shared = std::make_shared<const v1::RunEvent>(event);
  // Progress is of no use once it is over.
  if (!event.has_progress()) entry.events.push_back(shared);
  Forget(kEventsKept, &entry);
  for (const Watcher& watcher : entry.watchers) watcher->Send(shared);
  if (!event.has_step() || entry.directory == nullptr) return absl::OkStatus();
  return entry.directory->AppendStep(event.step());
}

absl::Status RunBook::WriteSummary(const std::string& run, const v1::RunSummary& summary) {
  const auto found = entries_.find(run);
  if (found == entries_.end() || found->second.directory == nullptr) return absl::OkStatus();
  return found->second.directory->WriteSummary(summary);
}

void RunBook::Close(const std::string& run) {
  const auto found = entries_.find(run);
  if (found == entries_.end() || std::exchange(found->second.closed, true)) return;
  for (const Watcher& watcher : found->second.watchers) watcher->Close(absl::OkStatus());
  found->second.watchers.clear();
  found->second.directory.reset();
  Forget(kEndedEventsKept, &found->second);
  found->second.events.shrink_to_fit();
  closed_.push_back(run);
  if (closed_.size() <= kClosedRunsKept) return;
  entries_.erase(closed_.front());
  closed_.pop_front();
}

void RunBook::Forget(size_t kept, Entry* entry) {
  for (; entry->events.size() > kept; ++entry->forgotten) entry->events.pop_front();
}

size_t RunBook::CountWatchers() {
  size_t count = 0;
  for (auto& [run, entry] : entries_) {
    std::erase_if(entry.watchers, [](const Watcher& watcher) { return watcher->closed(); });
    count += entry.watchers.size();
  }
  return count;
}

absl::Status RunBook::Watch(const std::string& run, Watcher watcher) {
  const auto found = entries_.find(run);
  if (found == entries_.end())
    return absl::NotFoundError(absl::StrCat("watch: no run named ", run));
  if (CountWatchers() >= kMaxWatchers) {
    return absl::ResourceExhaustedError(
        absl::StrCat("watch: too many watch already (limit=", kMaxWatchers, ")"));
  }
  if (found->second.forgotten > 0)
    watcher->Send(Gap(run, found->second.forgotten, found->second.path));
  for (const auto& event : found->second.events) watcher->Send(event);
  if (found->second.closed) {
    watcher->Close(absl::OkStatus());
  } else {
    found->second.watchers.push_back(std::move(watcher));
  }
  return absl::OkStatus();
}

}  // namespace edgetp
