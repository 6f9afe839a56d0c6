// edgetp stop: ends a queued or running run of a running cluster.
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "cli/shared/command.h"
#include "cli/shared/remote.h"

namespace edgetp {
namespace {

struct StopFlags {
  ServerFlags server;
  std::string run;
};

ExitCode Run(const StopFlags& flags) {
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  const absl::Status status = remote->Stop(flags.run);
  if (!status.ok()) return Report(status);
  absl::FPrintF(stderr, "stopped %s\n", flags.run);
  return kExitDone;
}

}  // namespace

void AddStop(CLI::App& app, Command* command) {
  auto flags = std::make_shared<StopFlags>();
  CLI::App* stop = app.add_subcommand("stop", "End a queued or running run of a running cluster");
  AddServerFlag(stop, &flags->server);
  stop->add_option("run", flags->run, "name of the run")->required();
  stop->footer("Example:\n  edgetp stop minigpt-sppp --server=127.0.0.1:50051");
  stop->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
