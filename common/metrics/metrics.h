// The list of metrics: every name, type, unit, label and help text that edgetp exports, as one
// table. docs/metrics.md shows the same table, and a test keeps them equal. A new metric is one row
// here and the line that uses it. Thin over prometheus-cpp; thread-safe unless said otherwise.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edgetp {

enum class MetricKind { kCounter, kGauge, kHistogram };

// "counter", "gauge", "histogram".
const char* NameOf(MetricKind kind);

enum class Exporter { kServer, kWorker, kBoth };

// "server", "worker", "both".
const char* NameOf(Exporter exporter);

struct MetricInfo {
  const char* name;  // base units, last in the name; counters end in _total
  MetricKind kind;
  Exporter exporter;
  std::vector<std::string> labels;
  const char* help;
};

// Every metric, server and worker, in the order of docs/metrics.md.
const std::vector<MetricInfo>& AllMetrics();

// The rows of a registry, created on first use. The label values are given in the order of
// MetricInfo::labels. A name that is not in the table, of another kind, or with another number of
// labels is a programmer error (abort).
class MetricSet {
 public:
  MetricSet();

  prometheus::Counter& Counter(const std::string& name,
                               const std::vector<std::string>& label_values);
  prometheus::Gauge& Gauge(const std::string& name, const std::vector<std::string>& label_values);
  prometheus::Histogram& Histogram(const std::string& name,
                                   const std::vector<std::string>& label_values);

  // Forgets every series whose label `label` has this value: a run that is over. References to them
  // dangle from then on.
  void Drop(const std::string& label, const std::string& value);

  const std::shared_ptr<prometheus::Registry>& registry() const { return registry_; }

 private:
  template <typename T>
  T& Series(MetricKind kind, const std::string& name, const std::vector<std::string>& label_values);

  struct Families;
  std::shared_ptr<prometheus::Registry> registry_;
  std::shared_ptr<Families> families_;
};

// The HTTP endpoint of a process: GET /metrics.
class MetricsEndpoint {
 public:
  // `address`: "host:port"; port 0 takes a free one.
  // Errors: Unavailable if the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Create(const std::string& address,
                                                                 const MetricSet& metrics);
  // Blocks until: nothing listens any more; a scrape in progress ends first.
  ~MetricsEndpoint();

  // "host:port" with the port in use.
  const std::string& address() const { return address_; }

 private:
  MetricsEndpoint(std::unique_ptr<prometheus::Exposer> exposer, std::string address);

  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string address_;
};

}  // namespace edgetp
