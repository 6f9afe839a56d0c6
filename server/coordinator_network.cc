// The coordinator's share in networks that change: whose they are, and who is told.
#include "common/config/network_patch.h"
#include "server/coordinator.h"

namespace edgetp {

void Coordinator::SetNetwork(absl::Time now, const NetworkChange& change,
                             std::optional<absl::Duration> span, Outputs* out) {
  if (!span.has_value()) cluster_network_ = ChangedClusterNetwork(change);
  if (active_ == nullptr) {
    ++network_version_;
    return;
  }
  active_->SetNetwork(now, change, span);
  FollowNetwork(now, out);
}

v1::NetworkProfile Coordinator::ChangedClusterNetwork(const NetworkChange& change) const {
  v1::NetworkProfile network = change.profile.value_or(cluster_network_);
  if (!change.profile.has_value()) {
    network.clear_events();
    network.clear_repeat_seconds();
  }
  ApplyPatch(change.patch, &network);
  return network;
}

void Coordinator::FollowNetwork(absl::Time now, Outputs* out) {
  if (active_->phase() == ActiveJob::Phase::kEnded || !active_->AdvanceNetwork(now)) return;
  const v1::NetworkProfile& network = active_->network().current();
  v1::ServerMessage message;
  message.mutable_network()->set_job(active_->job());
  *message.mutable_network()->mutable_network() = network;
  message.mutable_network()->set_version(++network_version_);
  message.mutable_network()->set_deadline_seconds(absl::ToDoubleSeconds(active_->deadline()));
  Broadcast(message, out);
  if (v1::StatusResponse::Run* const run = FindRun(active_->run()); run != nullptr)
    run->set_network(network.name());
  v1::RunEvent event;
  *event.mutable_network() = network;
  out->events.emplace_back(active_->run(), std::move(event));
}

v1::NetworkProfile Coordinator::network(absl::Time now) const {
  return active_ != nullptr ? active_->NetworkOutlook(now) : cluster_network_;
}

}  // namespace edgetp
