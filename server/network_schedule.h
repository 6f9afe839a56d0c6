// Which network profile a run is under at what time: its own with its timeline, what was set
// instead or changed of it, and what holds for a while. Pure (time is an argument); one owner (the active job).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/network/scenario.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

// What somebody asks of a network: another one, or changes to it, or both.
struct NetworkChange {
  std::optional<v1::NetworkProfile> profile;  // instead of what is there
  v1::NetworkPatch patch;                     // then changed so
};

class NetworkSchedule {
 public:
  // Profiles here are validated. The first state is in force until Begin starts the timeline.
  explicit NetworkSchedule(const v1::NetworkProfile& profile);

  void Begin(absl::Time now);
  bool begun() const { return begin_.has_value(); }
  // Another profile from now on, with a timeline of its own. What holds for a while ends.
  void Replace(absl::Time now, const v1::NetworkProfile& profile);
  // Changes the state of the timeline that is in force, for good; what followed it is dropped. What
  // holds for a while goes on, but where the patch names the same thing: there the patch counts.
  void Change(absl::Time now, const v1::NetworkPatch& patch);
  // For a while over all of the above; a profile must be without events. The timeline goes on
  // below. Of several the later one counts, each to its own end.
  void Hold(absl::Time now, const NetworkChange& change, absl::Duration span);

  // What Change or Hold would put in force now, and once nothing is held below it; named as if they
  // were alone.
  std::vector<v1::NetworkProfile> Preview(absl::Time now, const NetworkChange& change) const;
  // How many are held over the timeline.
  size_t held() const { return held_.size(); }

  // Brings current() up to `now`. True if that has changed it since the last call.
  bool Advance(absl::Time now);

  // In force, without events. A name that stood for another network before gets a number
  // ("lte#2"): by name, step reports tell under what they ran.
  const v1::NetworkProfile& current() const { return *current_; }
  // current(), with what is still to come as its events, in seconds from now; of a timeline that
  // repeats, its next round. Before Begin: the timeline from its beginning.
  v1::NetworkProfile Outlook(absl::Time now) const;
  // How long after `now` another profile comes into force by itself; absent: never.
  std::optional<absl::Duration> NextChange(absl::Time now) const;
  // All that have been or may come to be in force, by name.
  const std::map<std::string, v1::NetworkProfile>& profiles() const { return profiles_; }

 private:
  using Profile = const v1::NetworkProfile*;  // an element of profiles_: stays where it is
  struct State {
    absl::Duration at;
    Profile profile;
  };
  struct Held {
    absl::Time until;
    NetworkChange change;
  };

  // The name that the profile has, or would get, here.
  std::string NameOf(const v1::NetworkProfile& profile) const;
  Profile Know(v1::NetworkProfile profile);
  void Load(const v1::NetworkProfile& profile);
  // When the timeline begins: now, if it has not.
  absl::Time BeginAsOf(absl::Time now) const { return begin_.value_or(now); }
  // How much of the current round of a timeline that began then has passed.
  absl::Duration Position(absl::Time now, absl::Time begin) const;
  // Of the timeline, whatever is held over it.
  Profile StateAt(absl::Time now, absl::Time begin) const;
  // With what is held over it; named as it will be.
  v1::NetworkProfile InForceAt(absl::Time now, absl::Time begin) const;
  // When the network may change by itself within the next round of the timeline, in order.
  std::vector<absl::Time> Changes(absl::Time now) const;

  std::map<std::string, v1::NetworkProfile> profiles_;
  std::vector<State> states_;  // the timeline in force; the first is at 0
  absl::Duration repeat_;      // zero: once
  std::optional<absl::Time> begin_;
  std::vector<Held> held_;   // each over the ones before it
  Profile state_ = nullptr;  // of the timeline, when current_ was found; null: look again
  Profile current_;
};

}  // namespace edgetp
