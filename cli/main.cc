// edgetp: what people type. Parses, runs one subcommand, ends with its exit code.
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/command.h"
#include "cli/shared/preset_values.h"
#include "common/base/version.h"
#include "common/help/page_flag.h"
#include "common/rpc/host.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

constexpr char kDescription[] =
    "Trains a GPT with tensor parallelism on devices joined by slow links, and says what each "
    "synchronisation pattern\n"
    "costs in time and in loss. Without --server, a cluster is started on this machine and stopped "
    "at the end.";

constexpr char kExamples[] = R"(Examples:
  edgetp sweep --patterns=tttt,ssss,sppp,pppp --networks=ethernet-1g,wifi-5 --steps=200
  edgetp train --model=minigpt --pattern=sppp --workers=2 --network=wifi-5
  edgetp plan --model=gpt2 --pattern='(sppp)*3' --workers=2
  edgetp simulate --model=gpt2 --pattern='(sppp)*3' --workers=4 --network=wifi-5 --device=raspberry-pi-5
Exit codes: 0 done, 1 the run failed, 2 bad input, 130 interrupted.)";

// One row per subcommand, in the order of the help page.
constexpr void (*kCommands[])(CLI::App&, Command*) = {
    &AddTrain,    &AddSweep,     &AddReport, &AddSearch,  &AddPlan,  &AddPatterns, &AddSimulate,
    &AddAdvise,   &AddValidate,  &AddCalibrate, &AddNetwork, &AddBench, &AddEval,
    &AddSample,   &AddExport,    &AddUp,      &AddStatus, &AddWatch,  &AddStop,   &AddHealth,
    &AddPrepare,  &AddCompletion};

// The exit code of a command whose output may have been lost.
int Finish(int code) {
  const absl::Status output = FinishOutput();
  if (output.ok() || code != kExitDone) return code;
  return Report(output);
}

int Main(int argc, char** argv) {
  KeepStandardStreams();
  ResolveNamesAsTheSystemDoes();
  // gRPC reports broken connections by itself; we say it once, in our words.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);
  CLI::App app(kDescription, "edgetp");
  app.footer(kExamples);
  app.set_version_flag("--version", std::string("edgetp ") + kVersion);
  app.require_subcommand(1);
  AddPageFlag(&app, ListedPresets());
  Command command;
  for (const auto add : kCommands) add(app, &command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return Finish(app.exit(success));
  } catch (const CLI::ParseError& error) {
    absl::FPrintF(stderr, "%s\n", ExplainParseError(app, error));
    return kExitBadInput;
  }
  if (const absl::Status status = CatchShutdownSignals(); !status.ok()) return Report(status);
  return Finish(command());
}

}  // namespace
}  // namespace edgetp

int main(int argc, char** argv) { return edgetp::Main(argc, argv); }
