// edgetp train: one run.
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/command.h"
#include "cli/shared/config_sources.h"
#include "cli/shared/report_file.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/slow_network.h"
#include "cli/shared/train_job.h"

namespace edgetp {
namespace {

constexpr char kTrainExamples[] = R"(Examples:
  edgetp train --pattern=sppp --network=wifi-5 --steps=200
  edgetp train --model=minigpt --pattern=tttt --workers=4 --delay=5ms --rate=100mbit --data=my.txt
  edgetp train --pattern=ssss --set train.learning_rate=5e-4 --set model.init=torch --run=ssss-torch
  edgetp train --pattern=tttt --network=ethernet-1g --overlap=dw --steps=200
  edgetp train --strategy=data --network=ethernet-1g --batch=6 --steps=200
  edgetp train --strategy=local --inner_steps=20 --network=lte --batch=6 --steps=200
  edgetp train --run=long --steps=5000 --checkpoint_interval=500 --on_loss=wait
  edgetp train --resume=ssss-torch --steps=4000
  edgetp train --resume=long --run=long
  edgetp train --config=minigpt-shakespeare-sppp --lr_schedule=wsd --max_seconds=60
  edgetp train --config=minigpt-shakespeare-sppp --network=wifi-5 --print_config)";

ExitCode Run(const TrainFlags& flags) {
  Faults faults;
  TrainInputs inputs = LoadTrainInputs(flags, &faults);
  const auto resolved = ResolveTraining(flags.run, inputs);
  faults.Add(resolved.status());
  if (faults.status().ok() && !flags.print_config && NothingToDo(flags, inputs, *resolved))
    return kExitDone;
  if (faults.status().ok()) faults.Add(LoadTrainData(flags, &inputs));
  if (!faults.status().ok()) return Report(faults.status());
  const v1::RunConfig config = faults.Take(ResolveTraining(flags.run, inputs));
  if (!faults.status().ok()) return Report(faults.status());

  if (flags.print_config) {
    absl::PrintF("%s", ToLabelledTextproto(config, SourcesOf(flags, inputs, config)));
    return kExitDone;
  }
  if (const std::string note = SlowNetworkNote(config); !note.empty())
    absl::FPrintF(stderr, "note: %s\n", note);
  auto series = JobSeries::Open(flags.cluster, config.workers(), TrainBlobs(inputs),
                                config.memory().precision());
  if (!series.ok()) return Report(series.status());
  const absl::StatusOr<JobOutcome> outcome = series->RunShown(TrainSpec(flags, config), "");
  if (!outcome.ok()) return Report(outcome.status());
  const v1::RunSummary summary = SummaryOf(config, outcome);
  if (outcome->summary.has_value()) PrintResult(flags.format, summary, TrainTable(summary));
  absl::FPrintF(stderr, "run directory: %s\n", outcome->directory);
  ShowReportCommand({outcome->directory});
  if (!outcome->status.ok()) return ReportFailure(*outcome, series->cluster());
  return ReportCheckpoint(summary, "edgetp: ") ? kExitDone : kExitRunFailed;
}

}  // namespace

void AddTrain(CLI::App& app, Command* command) {
  auto flags = std::make_shared<TrainFlags>();
  CLI::App* train = app.add_subcommand("train", "Train a model with one pattern over one network");
  AddPatternFlags(train, &flags->run);
  AddNetworkFlag(train, &flags->run);
  AddOverlapFlag(train, &flags->run);
  AddStrategyFlag(train, &flags->run);
  AddRunNameFlag(train, &flags->run);
  AddTrainJobFlags(train, flags.get());
  AddRecoveryFlags(train, &flags->run.recovery);
  AddClockFlag(train, &flags->run);
  train
      ->add_option("--resume", flags->resume,
                   "continue from the newest checkpoint of a run, up to --steps in all: as a run "
                   "of its own, or, with --run of the same name, as another attempt of that run")
      ->excludes("--init_from");
  train->add_flag("--print_config", flags->print_config,
                  "print every field of the run, with where its value comes from, as a file for "
                  "--config; nothing starts");
  train->footer(kTrainExamples);
  train->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
