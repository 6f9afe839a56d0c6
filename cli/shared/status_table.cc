#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/format.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/table.h"

namespace edgetp {

std::string StatusTable(const v1::StatusResponse& status) {
  const std::string page = status.page_address();
  std::string out = absl::StrCat("edgetp_server ", status.version(), " at ", status.address(),
                                 ", metrics at ", status.metrics_address(),
                                 page.empty() ? "" : absl::StrCat(", page at http://", page, "/"),
                                 ", up ", FormatSeconds(status.uptime_seconds()), "\n\n");
  Table workers({{"worker", Align::kLeft},
                 {"host", Align::kLeft},
                 {"peer address", Align::kLeft},
                 {"device", Align::kLeft},
                 {"threads"},
                 {"state", Align::kLeft},
                 {"rank"},
                 {"heard s ago"}});
  for (const auto& worker : status.workers()) {
    workers.AddRow({worker.id(), worker.host(), worker.peer_address(), worker.device(),
                    absl::StrCat(worker.threads()), worker.state(),
                    worker.has_rank() ? absl::StrCat(worker.rank()) : "-",
                    absl::StrFormat("%.1f", worker.seconds_since_heartbeat())});
  }
  absl::StrAppend(&out, workers.empty() ? "no workers\n" : workers.Render());
  Table runs({{"run", Align::kLeft},
              {"state", Align::kLeft},
              {"step"},
              {"of"},
              {"pattern", Align::kLeft},
              {"network", Align::kLeft},
              {"workers"}});
  for (const auto& run : status.runs()) {
    runs.AddRow({run.run(), run.state(), absl::StrCat(run.step()), absl::StrCat(run.steps()),
                 run.pattern(), run.network(), absl::StrCat(run.workers())});
  }
  if (!runs.empty()) absl::StrAppend(&out, "\n", runs.Render());
  return out;
}

}  // namespace edgetp
