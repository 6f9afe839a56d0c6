// Which network profile a run is under at what time: its own with its timeline, what was set
// instead, and what was set for a while. Pure (time is an argument); one owner (the active job).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/network/scenario.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

class NetworkSchedule {
 public:
  // Profiles here are validated. The first state is in force until Begin starts the timeline.
  explicit NetworkSchedule(const v1::NetworkProfile& profile);

  void Begin(absl::Time now);
  // Another profile from now on, with a timeline of its own. A hold ends.
  void Replace(absl::Time now, const v1::NetworkProfile& profile);
  // A profile without events for a while. The timeline goes on behind it.
  void Hold(absl::Time now, const v1::NetworkProfile& profile, absl::Duration span);

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
    Profile profile;
  };

  Profile Know(v1::NetworkProfile profile);
  void Load(const v1::NetworkProfile& profile);
  bool Holds(absl::Time now) const { return held_.has_value() && now < held_->until; }
  // How much of the current round of the timeline has passed.
  absl::Duration Position(absl::Time now) const;
  // Of the timeline, whether something is held before it or not.
  Profile StateAt(absl::Time now) const;
  // What follows on the timeline, as spans from now.
  std::vector<State> Upcoming(absl::Time now) const;

  std::map<std::string, v1::NetworkProfile> profiles_;
  std::vector<State> states_;  // the timeline in force; the first is at 0
  absl::Duration repeat_;      // zero: once
  std::optional<absl::Time> begin_;
  std::optional<Held> held_;
  Profile current_;
};

}  // namespace edgetp
