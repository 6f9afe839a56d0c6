#include "server/network_schedule.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/network_patch.h"

namespace edgetp {
namespace {

using google::protobuf::util::MessageDifferencer;

// "lte" of "lte#2".
std::string WithoutNumber(const std::string& name) {
  const size_t end = name.find_last_not_of("0123456789");
  const bool numbered = end != std::string::npos && name[end] == '#' && end + 1 < name.size();
  return numbered ? name.substr(0, end) : name;
}

}  // namespace

NetworkSchedule::NetworkSchedule(const v1::NetworkProfile& profile) {
  Load(profile);
  current_ = states_[0].profile;
}

void NetworkSchedule::Begin(absl::Time now) { begin_ = now; }

void NetworkSchedule::Replace(absl::Time now, const v1::NetworkProfile& profile) {
  Load(profile);
  held_.clear();
  if (begin_.has_value()) begin_ = now;
}

void NetworkSchedule::Change(absl::Time now, const v1::NetworkPatch& patch) {
  v1::NetworkProfile changed = *StateAt(now, BeginAsOf(now));
  ApplyPatch(patch, &changed);
  Load(changed);
  if (begin_.has_value()) begin_ = now;
  absl::Time until = now;
  for (const Held& held : held_) until = std::max(until, held.until);
  if (until > now) held_.push_back({until, NetworkChange{std::nullopt, patch}});
}

void NetworkSchedule::Hold(absl::Time now, const NetworkChange& change, absl::Duration span) {
  held_.push_back({now + span, change});
  state_ = nullptr;
}

std::vector<v1::NetworkProfile> NetworkSchedule::Preview(absl::Time now,
                                                         const NetworkChange& change) const {
  std::vector<v1::NetworkProfile> networks = {InForceAt(now, BeginAsOf(now)),
                                              *StateAt(now, BeginAsOf(now))};
  for (v1::NetworkProfile& network : networks) {
    if (change.profile.has_value()) network = *change.profile;
    ApplyPatch(change.patch, &network);
  }
  return networks;
}

bool NetworkSchedule::Advance(absl::Time now) {
  const size_t ended = std::erase_if(held_, [now](const Held& held) { return held.until <= now; });
  const Profile state = StateAt(now, BeginAsOf(now));
  if (ended == 0 && state == state_) return false;
  state_ = state;
  const Profile before = current_;
  current_ = held_.empty() ? state : Know(InForceAt(now, BeginAsOf(now)));
  return current_ != before;
}

v1::NetworkProfile NetworkSchedule::InForceAt(absl::Time now, absl::Time begin) const {
  v1::NetworkProfile network = *StateAt(now, begin);
  bool changed = false;
  for (const auto& [until, change] : held_) {
    if (until <= now) continue;
    if (change.profile.has_value()) network = *change.profile;
    ApplyPatch(change.patch, &network);
    changed = true;
  }
  if (changed) network.set_name(NameOf(network));
  return network;
}

v1::NetworkProfile NetworkSchedule::Outlook(absl::Time now) const {
  v1::NetworkProfile outlook = *current_;
  std::string last = current_->name();
  for (const absl::Time time : Changes(now)) {
    v1::NetworkProfile network = InForceAt(time, BeginAsOf(now));
    if (std::exchange(last, network.name()) == network.name()) continue;
    v1::NetworkEvent* const event = outlook.add_events();
    event->set_at_seconds(absl::ToDoubleSeconds(time - now));
    *event->mutable_network() = std::move(network);
  }
  return outlook;
}

std::optional<absl::Duration> NetworkSchedule::NextChange(absl::Time now) const {
  for (const absl::Time time : Changes(now)) {
    if (InForceAt(time, BeginAsOf(now)).name() != current_->name()) return time - now;
  }
  return std::nullopt;
}

std::string NetworkSchedule::NameOf(const v1::NetworkProfile& profile) const {
  v1::NetworkProfile named = profile;
  const auto fits = [&] {
    const auto known = profiles_.find(named.name());
    return known == profiles_.end() || MessageDifferencer::Equals(known->second, named);
  };
  const std::string name = WithoutNumber(profile.name());
  for (int number = 1; !fits(); ++number)
    named.set_name(number == 1 ? name : absl::StrCat(name, "#", number));
  return named.name();
}

NetworkSchedule::Profile NetworkSchedule::Know(v1::NetworkProfile profile) {
  profile.set_name(NameOf(profile));
  return &profiles_.emplace(profile.name(), profile).first->second;
}

void NetworkSchedule::Load(const v1::NetworkProfile& profile) {
  states_.clear();
  state_ = nullptr;
  for (const NetworkState& state : UnrollNetwork(profile))
    states_.push_back({state.at, Know(state.network)});
  repeat_ = absl::Seconds(profile.repeat_seconds());
}

absl::Duration NetworkSchedule::Position(absl::Time now, absl::Time begin) const {
  const absl::Duration passed = now - begin;
  return repeat_ > absl::ZeroDuration() ? passed % repeat_ : passed;
}

NetworkSchedule::Profile NetworkSchedule::StateAt(absl::Time now, absl::Time begin) const {
  const absl::Duration position = Position(now, begin);
  Profile profile = states_[0].profile;
  for (const State& state : states_) {
    if (state.at <= position) profile = state.profile;
  }
  return profile;
}

std::vector<absl::Time> NetworkSchedule::Changes(absl::Time now) const {
  const absl::Duration position = Position(now, BeginAsOf(now));
  std::vector<absl::Time> times;
  for (const State& state : states_) {
    if (state.at > position) times.push_back(now + state.at - position);
    if (state.at <= position && repeat_ > absl::ZeroDuration())
      times.push_back(now + state.at + repeat_ - position);
  }
  for (const Held& held : held_) {
    if (held.until > now) times.push_back(held.until);
  }
  std::sort(times.begin(), times.end());
  return times;
}

}  // namespace edgetp
