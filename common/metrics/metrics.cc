#include "common/metrics/metrics.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/http/quick_stop.h"

namespace edgetp {
namespace {

using K = MetricKind;
using E = Exporter;

// From 100 us (a small message on loopback) to 400 s (GPT-2 over a slow radio), in steps of 2.
prometheus::Histogram::BucketBoundaries SecondsBuckets() {
  prometheus::Histogram::BucketBoundaries buckets;
  for (double bound = 1e-4; bound < 500; bound *= 2) buckets.push_back(bound);
  return buckets;
}

[[noreturn]] void ProgrammerError(const std::string& message) {
  std::fprintf(stderr, "metrics: %s\n", message.c_str());
  std::abort();
}

const MetricInfo& FindMetric(MetricKind kind, const std::string& name, size_t labels) {
  for (const MetricInfo& info : AllMetrics()) {
    if (info.name != name) continue;
    if (info.kind != kind || info.labels.size() != labels)
      ProgrammerError(absl::StrCat(name, ": used unlike its row"));
    return info;
  }
  ProgrammerError(absl::StrCat(name, ": not in the table"));
}

template <typename T>
prometheus::Family<T>& AddFamily(prometheus::Registry& registry, const MetricInfo& info) {
  if constexpr (std::is_same_v<T, prometheus::Counter>) {
    return prometheus::BuildCounter().Name(info.name).Help(info.help).Register(registry);
  } else if constexpr (std::is_same_v<T, prometheus::Gauge>) {
    return prometheus::BuildGauge().Name(info.name).Help(info.help).Register(registry);
  } else {
    return prometheus::BuildHistogram().Name(info.name).Help(info.help).Register(registry);
  }
}

}  // namespace

const char* NameOf(MetricKind kind) {
  return kind == K::kCounter ? "counter" : kind == K::kGauge ? "gauge" : "histogram";
}

const char* NameOf(Exporter exporter) {
  return exporter == E::kServer ? "server" : exporter == E::kWorker ? "worker" : "both";
}

const std::vector<MetricInfo>& AllMetrics() {
  using enum MetricKind;
  using enum Exporter;
  // clang-format off: two lines for each metric
  static const auto* const all = new std::vector<MetricInfo>{
    {"edgetp_build_info", kGauge, kBoth, {"version"},
     "1; the version is in the label."},

    {"edgetp_workers", kGauge, kServer, {"state"},
     "Workers by state: idle, busy, gone (lost, and no other has joined in their place)."},
    {"edgetp_workers_lost_total", kCounter, kServer, {},
     "Workers that went without saying so: killed, crashed or cut off."},
    {"edgetp_queued_runs", kGauge, kServer, {},
     "Runs that wait for their turn."},
    {"edgetp_runs_total", kCounter, kServer, {"status"},
     "Runs that ended: done, failed, stopped."},
    {"edgetp_run_info", kGauge, kServer, {"run", "model", "pattern", "network", "workers", "clock"},
     "1; what the run does is in the labels, the network as it was at the start."},
    {"edgetp_run_start_timestamp_seconds", kGauge, kServer, {"run"},
     "Unix time at which the run got its workers."},
    {"edgetp_run_sync_points", kGauge, kServer, {"run"},
     "Activation all-reduces of a forward pass: what the pattern saves on."},
    {"edgetp_run_target_steps", kGauge, kServer, {"run"},
     "Steps that the run was asked for."},
    {"edgetp_run_completed_steps", kGauge, kServer, {"run"},
     "Steps that all ranks have completed."},
    {"edgetp_run_attempt", kGauge, kServer, {"run"},
     "Which attempt of the run it is, from 1: another one begins when a worker was lost."},
    {"edgetp_run_recovering", kGauge, kServer, {"run"},
     "1 from the loss of a worker to the first step of the next attempt, else 0."},
    {"edgetp_run_elapsed_seconds", kGauge, kServer, {"run"},
     "From the beginning of the first step to the end of the last one."},
    {"edgetp_run_step_seconds", kHistogram, kServer, {"run", "network"},
     "Duration of a step under the network in force, mean over ranks, evaluation excluded."},
    {"edgetp_run_step_breakdown_seconds_total", kCounter, kServer, {"run", "network", "term"},
     "Where the step time went, mean over ranks: compute, staging, software, queueing, serialization, "
     "propagation, jitter, straggler, transit."},
    {"edgetp_run_hidden_seconds_total", kCounter, kServer, {"run", "network"},
     "Time of exchanges that ran under compute, mean over ranks: in no term of the breakdown."},
    {"edgetp_run_energy_joules_total", kCounter, kServer, {"run", "rank"},
     "Energy of a rank's device over the steps, waiting included, from the watts of its profile; "
     "absent where a profile says none."},
    {"edgetp_run_tokens_per_second", kGauge, kServer, {"run"},
     "Training throughput of the last step."},
    {"edgetp_run_train_loss", kGauge, kServer, {"run"},
     "Cross-entropy of the last step's batch, in nats."},
    {"edgetp_run_val_loss", kGauge, kServer, {"run"},
     "Cross-entropy of the last evaluation, in nats."},
    {"edgetp_run_learning_rate", kGauge, kServer, {"run"},
     "Learning rate of the last step."},
    {"edgetp_run_gradient_norm", kGauge, kServer, {"run"},
     "Norm of the whole model's gradient, before clipping."},
    {"edgetp_run_mfu", kGauge, kServer, {"run"},
     "Model FLOP/s of the last step as a share of what the devices can do; absent where nobody "
     "knows that."},
    {"edgetp_run_skipped_steps_total", kCounter, kServer, {"run"},
     "Steps that changed nothing, because their gradient's norm was an outlier."},
    {"edgetp_network_info", kGauge, kServer, {"profile"},
     "1 for the network profile in force."},
    {"edgetp_network_version", kGauge, kServer, {},
     "Counts the changes of the profile that people and timelines have made."},
    {"edgetp_network_change_timestamp_seconds", kGauge, kServer, {"profile"},
     "Unix time of the last such change, and the profile that it put in force."},
    {"edgetp_medium_grants_total", kCounter, kServer, {"run"},
     "Messages granted on the shared medium."},
    {"edgetp_medium_airtime_seconds_total", kCounter, kServer, {"run"},
     "Airtime granted on the shared medium."},
    {"edgetp_medium_queueing_seconds_total", kCounter, kServer, {"run"},
     "Time that messages waited for the shared medium."},

    {"edgetp_worker_info", kGauge, kWorker, {"worker", "host", "device", "blas"},
     "1; what this worker is, in the labels."},
    {"edgetp_worker_joined", kGauge, kWorker, {},
     "1 while the worker's stream to the server is open."},
    {"edgetp_steps_total", kCounter, kWorker, {"run", "rank"},
     "Steps that this rank has completed."},
    {"edgetp_step_seconds", kHistogram, kWorker, {"run", "rank"},
     "Duration of a step on this rank, evaluation excluded."},
    {"edgetp_step_breakdown_seconds_total", kCounter, kWorker, {"run", "rank", "term"},
     "Where this rank's step time went: compute, staging, software, queueing, serialization, "
     "propagation, jitter, straggler, transit."},
    {"edgetp_hidden_seconds_total", kCounter, kWorker, {"run", "rank"},
     "Time of this rank's exchanges that ran under its compute: in no term of the breakdown."},
    {"edgetp_allreduce_seconds", kHistogram, kWorker, {"run", "rank", "algorithm", "class", "phase"},
     "Duration of an all-reduce, waiting for other ranks included."},
    {"edgetp_sent_bytes_total", kCounter, kWorker, {"run", "rank", "class"},
     "Payload bytes sent, in their wire format, by traffic class: activation_fwd, "
     "activation_bwd, grad_sync, scalar, control."},
    {"edgetp_link_sent_bytes_total", kCounter, kWorker, {"run", "source", "destination"},
     "Payload bytes that the source rank handed to this link."},
    {"edgetp_link_messages_total", kCounter, kWorker, {"run", "source", "destination"},
     "Messages that arrived on this link (counted by the destination rank)."},
    {"edgetp_link_asked_delay_seconds_total", kCounter, kWorker, {"run", "source", "destination"},
     "From handover to the release time that the link model asked for, summed over messages."},
    {"edgetp_link_realised_delay_seconds_total", kCounter, kWorker, {"run", "source", "destination"},
     "From handover to the actual release, summed over messages."},
    {"edgetp_link_queueing_seconds_total", kCounter, kWorker, {"run", "source", "destination"},
     "Time that messages waited behind earlier ones on this link, its interfaces or the "
     "medium."},
    {"edgetp_late_messages_total", kCounter, kWorker, {"run", "rank"},
     "Messages that arrived physically after their release time while the rank waited for "
     "them."},
    {"edgetp_late_seconds_total", kCounter, kWorker, {"run", "rank"},
     "What waiting ranks lost to the host: messages physically late, and holds that ended "
     "late."},
    {"edgetp_overrun_seconds_total", kCounter, kWorker, {"run", "rank"},
     "Compute time beyond what the device profile grants."},
    {"edgetp_clock_bound_seconds", kGauge, kWorker, {"run", "rank"},
     "How well this rank knows the clocks of other hosts: times of theirs are wrong by at most "
     "this. Zero within a host."},
  };
  // clang-format on
  return *all;
}

struct MetricSet::Families {
  std::mutex mutex;
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges;
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histograms;
  // What Drop needs to find series again; `remove` forgets one.
  struct Known {
    prometheus::Labels labels;
    void* series;
    void (*remove)(void* family, void* series);
    void* family;
  };
  std::vector<Known> known;

  template <typename T>
  auto& Of() {
    if constexpr (std::is_same_v<T, prometheus::Counter>) return counters;
    if constexpr (std::is_same_v<T, prometheus::Gauge>) return gauges;
    if constexpr (std::is_same_v<T, prometheus::Histogram>) return histograms;
  }
};

MetricSet::MetricSet()
    : registry_(std::make_shared<prometheus::Registry>()),
      families_(std::make_shared<Families>()) {}

template <typename T>
T& MetricSet::Series(MetricKind kind, const std::string& name,
                     const std::vector<std::string>& label_values) {
  const MetricInfo& info = FindMetric(kind, name, label_values.size());
  prometheus::Labels labels;
  for (size_t i = 0; i < label_values.size(); ++i) labels[info.labels[i]] = label_values[i];
  const std::lock_guard<std::mutex> lock(families_->mutex);
  prometheus::Family<T>*& family = families_->Of<T>()[name];
  if (family == nullptr) family = &AddFamily<T>(*registry_, info);
  const bool is_new = !family->Has(labels);
  T* series;
  if constexpr (std::is_same_v<T, prometheus::Histogram>) {
    series = &family->Add(labels, SecondsBuckets());
  } else {
    series = &family->Add(labels);
  }
  if (is_new) {
    families_->known.push_back({labels, series,
                                [](void* of, void* which) {
                                  static_cast<prometheus::Family<T>*>(of)->Remove(
                                      static_cast<T*>(which));
                                },
                                family});
  }
  return *series;
}

prometheus::Counter& MetricSet::Counter(const std::string& name,
                                        const std::vector<std::string>& label_values) {
  return Series<prometheus::Counter>(K::kCounter, name, label_values);
}

prometheus::Gauge& MetricSet::Gauge(const std::string& name,
                                    const std::vector<std::string>& label_values) {
  return Series<prometheus::Gauge>(K::kGauge, name, label_values);
}

prometheus::Histogram& MetricSet::Histogram(const std::string& name,
                                            const std::vector<std::string>& label_values) {
  return Series<prometheus::Histogram>(K::kHistogram, name, label_values);
}

void MetricSet::Drop(const std::string& label, const std::string& value) {
  const std::lock_guard<std::mutex> lock(families_->mutex);
  const auto matches = [&](const Families::Known& known) {
    const auto found = known.labels.find(label);
    if (found == known.labels.end() || found->second != value) return false;
    known.remove(known.family, known.series);
    return true;
  };
  families_->known.erase(std::remove_if(families_->known.begin(), families_->known.end(), matches),
                         families_->known.end());
}

MetricsEndpoint::MetricsEndpoint(std::unique_ptr<prometheus::Exposer> exposer, std::string address)
    : exposer_(std::move(exposer)), address_(std::move(address)) {}

MetricsEndpoint::~MetricsEndpoint() {
  StopWithVisits(address_, [this] { exposer_.reset(); });
}

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Create(const std::string& address,
                                                                         const MetricSet& metrics) {
  try {
    // One thread answers: scrapes are seconds apart.
    auto exposer = std::make_unique<prometheus::Exposer>(address, 1);
    exposer->RegisterCollectable(metrics.registry());
    const std::string host = address.substr(0, address.rfind(':'));
    const int port = exposer->GetListeningPorts().at(0);
    return std::unique_ptr<MetricsEndpoint>(
        new MetricsEndpoint(std::move(exposer), absl::StrCat(host, ":", port)));
  } catch (const std::exception&) {  // says only that something is null
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address, ": the port is in use or the address is not this host's"));
  }
}

}  // namespace edgetp
