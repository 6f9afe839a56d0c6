#include "server/page/cluster_picture.h"

#include <algorithm>
#include <cmath>

#include "absl/time/time.h"
#include "common/network/link_rows.h"
#include "common/network/network_profile.h"
#include "common/network/scenario.h"
#include "common/rpc/run_state.h"

namespace edgetp {
namespace {

using nlohmann::json;

// All pairs of eight ranks; a longer table helps nobody.
constexpr size_t kMaxLinks = 56;
constexpr int kMaxEvents = 20;

json WorkerJson(const v1::StatusResponse::Worker& worker) {
  json out = {
      {"id", worker.id()},         {"host", worker.host()},
      {"device", worker.device()}, {"threads", worker.threads()},
      {"state", worker.state()},   {"seconds_since_heartbeat", worker.seconds_since_heartbeat()}};
  if (worker.has_rank()) out["rank"] = worker.rank();
  return out;
}

json RunJson(const v1::StatusResponse::Run& run) {
  return {{"run", run.run()},        {"state", run.state()},     {"step", run.step()},
          {"steps", run.steps()},    {"pattern", run.pattern()}, {"network", run.network()},
          {"workers", run.workers()}};
}

json LinkJson(const LinkRow& row) {
  json out = {{"delay_seconds", absl::ToDoubleSeconds(row.delay)},
              {"jitter_seconds", absl::ToDoubleSeconds(row.jitter)},
              {"jitter_of_quantiles", row.quantiles},
              {"loss", row.loss},
              {"rate_bits_per_second", nullptr},
              {"rate_of_trace", row.trace},
              {"connected", row.connected}};
  if (row.rate_bits_per_second > 0 && std::isfinite(row.rate_bits_per_second))
    out["rate_bits_per_second"] = row.rate_bits_per_second;
  if (row.source >= 0) out["source"] = row.source;
  if (row.destination >= 0) out["destination"] = row.destination;
  return out;
}

json EventsJson(const v1::NetworkProfile& network) {
  json out = json::array();
  for (int i = 0; i < std::min(network.events_size(), kMaxEvents); ++i) {
    out.push_back({{"in_seconds", network.events(i).at_seconds()},
                   {"what", DescribeAction(network.events(i))}});
  }
  return out;
}

int RanksOf(const v1::StatusResponse& status) {
  const v1::StatusResponse::Run* const run = ActiveRunOf(status);
  if (run != nullptr) return run->workers();
  const auto& workers = status.workers();
  return static_cast<int>(std::count_if(
      workers.begin(), workers.end(), [](const auto& worker) { return worker.state() != "gone"; }));
}

}  // namespace

json PictureJson(const ClusterPicture& picture) {
  const v1::StatusResponse& status = picture.status;
  json out = {
      {"version", status.version()},
      {"address", status.address()},
      {"metrics_address", status.metrics_address()},
      {"uptime_seconds", status.uptime_seconds()},
      {"workers", json::array()},
      {"runs", json::array()},
      {"network", {{"name", picture.network.name()}, {"next", EventsJson(picture.network)}}},
      {"links", json::array()}};
  for (const auto& worker : status.workers()) out["workers"].push_back(WorkerJson(worker));
  for (const auto& run : status.runs()) out["runs"].push_back(RunJson(run));
  // A profile may name ranks that are not here yet: then its links are not known.
  const int ranks = RanksOf(status);
  if (const auto network = ResolveNetwork(picture.network, ranks); network.ok()) {
    for (const LinkRow& row : LinkRows(*network, ranks, kMaxLinks))
      out["links"].push_back(LinkJson(row));
  }
  return out;
}

}  // namespace edgetp
