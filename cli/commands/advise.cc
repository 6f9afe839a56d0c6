// edgetp advise: one device or several, and how? The best ways to train a model on a pool of devices.
#include "common/advise/advise.h"

#include <memory>

#include "cli/shared/advise_options.h"
#include "cli/shared/advise_tables.h"
#include "cli/shared/command.h"
#include "cli/shared/preset_values.h"
#include "common/advise/cost.h"

namespace edgetp {
namespace {

constexpr char kAdviseExamples[] = R"(Examples:
  edgetp advise --model=gpt2 --devices='raspberry-pi-5*4+jetson-orin-nano' --network=wifi-5
  edgetp advise --model=gpt2 --devices='raspberry-pi-5*4' --network=ethernet-1g --exact
  edgetp advise --devices='raspberry-pi-4*2+raspberry-pi-5*2' --rate=100mbit --delay=2ms --goal=energy --max_workers=3
Nothing runs and nothing waits: the simulator compares the candidates.)";

struct AdviseCommandFlags {
  AdviseFlags advise;
  OutputFormat format = OutputFormat::kTable;
};

ExitCode Run(const AdviseCommandFlags& flags) {
  Faults faults;
  std::vector<std::string> notes;
  const AdviseProblem problem = ResolveAdvise(flags.advise, &faults, &notes);
  if (!faults.status().ok()) return Report(faults.status());
  auto report = Advise(problem);
  if (!report.ok()) return Report(report.status());
  for (const std::string& note : notes) report->add_notes(note);
  FillCommands(flags.advise, &*report);
  PrintResult(flags.format, *report, AdviseTable(*report));
  return kExitDone;
}

}  // namespace

void AddAdvise(CLI::App& app, Command* command) {
  auto flags = std::make_shared<AdviseCommandFlags>();
  AdviseFlags* advise = &flags->advise;
  CLI::App* sub = app.add_subcommand(
      "advise", "The best ways to train a model on some of your devices, over your network");
  sub->add_option("--devices", advise->devices,
                  "that there are: NAME*COUNT+NAME*COUNT, of profiles (configs/devices) or files")
      ->type_name(kDeviceValue);
  sub->add_option("--goal", advise->goal,
                  "tokens: most per second (default); step: shortest; energy: fewest joules per "
                  "token; memory: fewest bytes on the fullest device")
      ->check(OneOf(AdviseGoalNames()));
  sub->add_option("--max_workers", advise->max_workers, "devices that may be used at once")
      ->check(CLI::Range(1, 1000000));
  sub->add_option(
      "--batch_tokens", advise->batch_tokens,
      "tokens of an optimizer step, on all devices together; default: what presets say");
  sub->add_flag("--exact", advise->exact,
                "only what computes the dense model: no pattern or format that changes the loss");
  sub->add_option("--rows", advise->rows, "of the answer; default: 10")->check(CLI::Range(1, 1000));
  sub->add_option("--model", advise->run.model,
                  "model preset (configs/models) or file; default: minigpt")
      ->type_name(kModelValue);
  sub->add_option("--sequence", advise->run.sequence, "tokens per sequence");
  sub->add_option("--seed", advise->run.seed, "of jitter and loss; default: 1337");
  AddNetworkFlag(sub, &advise->run);
  AddPresetFlags(sub, &advise->run);
  AddFormatFlag(sub, &flags->format);
  sub->footer(kAdviseExamples);
  sub->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
