// edgetp status: workers and runs of a running cluster.
#include <memory>

#include "cli/shared/command.h"
#include "cli/shared/remote.h"
#include "cli/shared/report_tables.h"

namespace edgetp {
namespace {

struct StatusFlags {
  ServerFlags server;
  OutputFormat format = OutputFormat::kTable;
};

ExitCode Run(const StatusFlags& flags) {
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  const auto status = remote->GetStatus();
  if (!status.ok()) return Report(status.status());
  PrintResult(flags.format, *status, StatusTable(*status));
  return kExitDone;
}

}  // namespace

void AddStatus(CLI::App& app, Command* command) {
  auto flags = std::make_shared<StatusFlags>();
  CLI::App* status = app.add_subcommand("status", "Workers and runs of a running cluster");
  AddServerFlag(status, &flags->server);
  AddFormatFlag(status, &flags->format);
  status->footer("Example:\n  edgetp status --server=127.0.0.1:50051 --format=json");
  status->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
