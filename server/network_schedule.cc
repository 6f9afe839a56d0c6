#include "server/network_schedule.h"

#include <google/protobuf/util/message_differencer.h>

#include "absl/strings/str_cat.h"

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
  held_.reset();
  if (begin_.has_value()) begin_ = now;
}

void NetworkSchedule::Hold(absl::Time now, const v1::NetworkProfile& profile, absl::Duration span) {
  held_ = Held{now + span, Know(profile)};
}

bool NetworkSchedule::Advance(absl::Time now) {
  if (!Holds(now)) held_.reset();
  const Profile before = current_;
  current_ = held_.has_value() ? held_->profile : StateAt(now);
  return current_ != before;
}

v1::NetworkProfile NetworkSchedule::Outlook(absl::Time now) const {
  v1::NetworkProfile outlook = *current_;
  Profile last = current_;
  const auto add = [&](absl::Duration in, Profile profile) {
    if (std::exchange(last, profile) == profile) return;
    v1::NetworkEvent* const event = outlook.add_events();
    event->set_at_seconds(absl::ToDoubleSeconds(in));
    *event->mutable_network() = *profile;
  };
  const absl::Duration held = Holds(now) ? held_->until - now : absl::ZeroDuration();
  if (held > absl::ZeroDuration()) add(held, StateAt(held_->until));
  for (const State& state : Upcoming(now)) {
    if (state.at > held) add(state.at, state.profile);
  }
  return outlook;
}

std::optional<absl::Duration> NetworkSchedule::NextChange(absl::Time now) const {
  const absl::Duration held = Holds(now) ? held_->until - now : absl::ZeroDuration();
  if (held > absl::ZeroDuration() && StateAt(held_->until) != current_) return held;
  for (const State& state : Upcoming(now)) {
    if (state.at > held && state.profile != current_) return state.at;
  }
  return std::nullopt;
}

NetworkSchedule::Profile NetworkSchedule::Know(v1::NetworkProfile profile) {
  const std::string name = WithoutNumber(profile.name());
  for (int number = 1;; ++number) {
    profile.set_name(number == 1 ? name : absl::StrCat(name, "#", number));
    const auto [known, is_new] = profiles_.emplace(profile.name(), profile);
    if (is_new || MessageDifferencer::Equals(known->second, profile)) return &known->second;
  }
}

void NetworkSchedule::Load(const v1::NetworkProfile& profile) {
  states_.clear();
  for (const NetworkState& state : UnrollNetwork(profile))
    states_.push_back({state.at, Know(state.network)});
  repeat_ = absl::Seconds(profile.repeat_seconds());
}

absl::Duration NetworkSchedule::Position(absl::Time now) const {
  if (!begin_.has_value()) return absl::ZeroDuration();
  const absl::Duration passed = now - *begin_;
  return repeat_ > absl::ZeroDuration() ? passed % repeat_ : passed;
}

NetworkSchedule::Profile NetworkSchedule::StateAt(absl::Time now) const {
  const absl::Duration position = Position(now);
  Profile profile = states_[0].profile;
  for (const State& state : states_) {
    if (state.at <= position) profile = state.profile;
  }
  return profile;
}

std::vector<NetworkSchedule::State> NetworkSchedule::Upcoming(absl::Time now) const {
  const absl::Duration position = Position(now);
  std::vector<State> upcoming;
  for (const State& state : states_) {
    if (state.at > position) upcoming.push_back({state.at - position, state.profile});
  }
  if (repeat_ == absl::ZeroDuration()) return upcoming;
  for (const State& state : states_) {
    if (state.at <= position) upcoming.push_back({state.at + repeat_ - position, state.profile});
  }
  return upcoming;
}

}  // namespace edgetp
