// edgetp search: which blocks can do with fewer sync points, by loss and by step time.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/shared/command.h"
#include "cli/shared/eta.h"
#include "cli/shared/search_jobs.h"
#include "cli/shared/search_table.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

constexpr char kSearchExamples[] = R"(Examples:
  edgetp search --budget_loss=1% --network=wifi-5 --steps=900
  edgetp search --budget_loss=0.02 --network=lte --device=raspberry-pi-5 --letters=t,s,p --seeds=3 --steps=900
  edgetp search --weights=gpt2.safetensors --network=lte --device=rk3588 --data=folder-with-bins --eval_windows=20
Losses come from runs that wait for nothing (--clock=simulated), or with --weights from evaluations; step times from
the simulator.)";

// A trial as a job: runs it, and keeps the progress line honest about what is left.
class TrialRunner {
 public:
  TrialRunner(const SearchJobs& jobs, JobSeries& series) : jobs_(jobs), series_(series) {}

  absl::StatusOr<double> Loss(const Trial& trial) {
    ASSIGN_OR_RETURN(const v1::JobSpec spec, jobs_.SpecOf(trial));
    const absl::Time begin = MonotonicNow();
    eta_.CellBegins(trial.amount, trial.amount_left);
    ASSIGN_OR_RETURN(const JobOutcome outcome, Run(spec, LabelOf(trial)));
    eta_.CellEnded(absl::ToDoubleSeconds(MonotonicNow() - begin));
    return SearchJobs::LossOf(outcome);
  }

  // Errors: those of RunJob; what the job ended with.
  absl::StatusOr<JobOutcome> Run(const v1::JobSpec& spec, const std::string& label) {
    ASSIGN_OR_RETURN(JobOutcome outcome, series_.RunShown(spec, label, &eta_));
    RETURN_IF_ERROR(outcome.status);
    return outcome;
  }

 private:
  std::string LabelOf(const Trial& trial) const {
    const std::string seed =
        jobs_.options().seeds > 1 ? absl::StrCat(", seed ", jobs_.SeedOf(trial)) : "";
    return absl::StrFormat("[%d/%d] %s, %d %s%s: ", trial.number, trial.planned, trial.pattern,
                           trial.amount, jobs_.unit(), seed);
  }

  const SearchJobs& jobs_;
  JobSeries& series_;
  SweepEta eta_{"search"};
};

absl::Status MeasureHost(TrialRunner& runner, SearchJobs* jobs) {
  ASSIGN_OR_RETURN(const JobOutcome outcome, runner.Run(jobs->HostSpec(), "compute of a step: "));
  return jobs->TakeHost(*outcome.summary);
}

SearchResult Search(SearchJobs* jobs, JobSeries& series) {
  TrialRunner runner(*jobs, series);
  if (jobs->MustMeasureHost()) {
    const absl::Status measured = MeasureHost(runner, jobs);
    if (!measured.ok()) return {{}, measured};
  }
  return RunSearch(
      jobs->options(),
      {.loss = [&](const Trial& trial) { return runner.Loss(trial); },
       .step_seconds = [&](const std::string& pattern) { return jobs->StepSeconds(pattern); }});
}

// The words of `edgetp train` that the pattern is added to.
using TrainWords = std::vector<std::string>;

TrainWords TrainWordsOf(const CLI::App& search, const CLI::App& train, const SearchFlags& flags) {
  TrainWords words = {"edgetp", "train"};
  const std::vector<std::string> same = SameOptions(search, train, {"--format"});
  words.insert(words.end(), same.begin(), same.end());
  if (!flags.weights.empty()) {
    words.push_back(ShellWord("--init_from=" + flags.weights));
  } else if (flags.eval_windows.has_value()) {
    words.push_back(absl::StrCat("--set=train.eval_windows=", *flags.eval_windows));
  }
  return words;
}

void NoteShortRuns(const SearchJobs& jobs) {
  const int shortest = jobs.options().amounts.front();
  const int warmup = jobs.config().train().warmup_steps();
  if (jobs.evaluates() || shortest >= warmup) return;
  absl::FPrintF(stderr,
                "note: the shortest runs end within the warm-up (%d of %d steps): more --steps, "
                "fewer --rungs or --set train.warmup_steps=N would tell more\n",
                shortest, warmup);
}

ExitCode Run(const SearchFlags& flags, const TrainWords& train) {
  auto jobs = SearchJobs::Prepare(flags);
  if (!jobs.ok()) return Report(jobs.status());
  NoteShortRuns(*jobs);
  auto series = JobSeries::Open(flags.train.cluster, jobs->config().workers(), jobs->TakeBlobs());
  if (!series.ok()) return Report(series.status());
  const SearchResult result = Search(&*jobs, *series);
  v1::SearchReport report =
      BuildSearchReport(jobs->options(), result, jobs->budget(), jobs->TokensPerStep());
  jobs->Describe(&report);
  if (!report.chosen().empty()) {
    report.set_command(
        absl::StrCat(absl::StrJoin(train, " "), " ", ShellWord("--pattern=" + report.chosen())));
  }
  if (!report.rows().empty()) PrintResult(flags.train.format, report, SearchTable(report));
  if (result.status.ok()) return kExitDone;
  return ReportFailure({.status = result.status}, series->cluster());
}

void AddSearchFlags(CLI::App* search, SearchFlags* flags) {
  search
      ->add_option("--budget_loss", flags->budget_loss,
                   "how much more than that of t alone a loss may be: a percentage of it, or a "
                   "difference")
      ->capture_default_str();
  search
      ->add_option("--letters", flags->letters,
                   "that patterns are mixed of, separated by ','; t is always among them")
      ->delimiter(',')
      ->capture_default_str();
  search
      ->add_option("--weights", flags->weights,
                   "compare the loss of these weights (a safetensors file, or an index.json) as "
                   "they are, instead of training")
      ->excludes("--init_from");
  search
      ->add_option("--eval_windows", flags->eval_windows,
                   "of T tokens, for the last losses; default: all with --weights, else 200")
      ->check(CLI::Range(1, 1 << 30));
  search
      ->add_option("--rungs", flags->rungs,
                   "lengths that losses are compared at: each rung is --factor times as long")
      ->check(CLI::Range(1, 10))
      ->capture_default_str();
  search
      ->add_option("--factor", flags->factor,
                   "of the patterns of a rung, one in so many goes on, and those that none beats")
      ->check(CLI::Range(2, 100))
      ->capture_default_str();
  search
      ->add_option("--max_mixtures", flags->max_mixtures,
                   "patterns that are tried, beside those with one changed block")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  search
      ->add_option("--seeds", flags->seeds,
                   "runs of each pattern, with seeds from --seed on: their spread is the noise")
      ->check(CLI::Range(1, kMaxSearchSeeds))
      ->capture_default_str();
}

}  // namespace

void AddSearch(CLI::App& app, Command* command) {
  auto flags = std::make_shared<SearchFlags>();
  CLI::App* search =
      app.add_subcommand("search", "Find the pattern that saves most within a budget of loss");
  RunFlags* run = &flags->train.run;
  search->add_option("--workers", run->workers, "world size; default: 2");
  AddNetworkFlag(search, run);
  AddOverlapFlag(search, run);
  AddTrainJobFlags(search, &flags->train);
  AddSearchFlags(search, flags.get());
  search->footer(kSearchExamples);
  search->callback([&app, flags, search, command] {
    const TrainWords train = TrainWordsOf(*search, *app.get_subcommand("train"), *flags);
    *command = [flags, train] { return Run(*flags, train); };
  });
}

}  // namespace edgetp
