// edgetp validate: the simulator held against published measurements.
#include "common/config/validate.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/shared/command.h"
#include "cli/shared/preset_values.h"
#include "cli/shared/validate_tables.h"
#include "common/base/status_macros.h"
#include "common/config/load.h"
#include "common/published/published_report.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

constexpr char kValidateExamples[] = R"(Examples:
  edgetp validate
  edgetp validate --list
  edgetp validate nccl-netem distributed-llama
  edgetp validate configs/published/ladder-residual.textproto --format=json
Rows marked "input" are what the prediction takes as given, e.g. the compute time of one device; they and
rows marked "aside" are shown and not counted. Nothing else is fitted.)";

struct ValidateFlags {
  std::vector<std::string> sources;
  bool list = false;
  std::string config_path;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<v1::Published> Load(const ConfigLibrary& library, const std::string& name) {
  ASSIGN_OR_RETURN(v1::Published published, library.Published(name));
  RETURN_IF_ERROR(ValidatePublished(published, name));
  return published;
}

// Every file is checked before anything is simulated.
absl::StatusOr<std::vector<v1::Published>> LoadAll(const ValidateFlags& flags) {
  const ConfigLibrary library = ConfigLibrary::Default(flags.config_path);
  const std::vector<std::string> names =
      flags.sources.empty() ? library.Names(ConfigKind::kPublished) : flags.sources;
  if (names.empty()) {
    return absl::NotFoundError(
        "no published measurements found; $EDGETP_CONFIG_PATH or --config_path names a folder that "
        "holds published/");
  }
  std::vector<v1::Published> all;
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(all.emplace_back(), Load(library, name));
  }
  return all;
}

// What there is, without a prediction.
v1::ValidateReport ListOf(const std::vector<v1::Published>& all) {
  v1::ValidateReport report;
  for (const v1::Published& published : all) {
    v1::ValidateSource* const source = report.add_sources();
    source->set_name(published.name());
    source->set_title(published.title());
    source->set_source(published.source());
    source->set_kind(v1::Kind_Name(published.kind()));
  }
  return report;
}

ExitCode Run(const ValidateFlags& flags) {
  const auto all = LoadAll(flags);
  if (!all.ok()) return Report(all.status());
  if (flags.list) {
    const v1::ValidateReport report = ListOf(*all);
    PrintResult(flags.format, report, SourceList(report));
    return kExitDone;
  }
  v1::ValidateReport report;
  for (const v1::Published& published : *all) {
    if (ShutdownSignal() != 0) return kExitInterrupted;
    auto source = HoldAgainst(published);
    if (!source.ok()) return Report(Annotate(source.status(), published.name()));
    *report.add_sources() = *std::move(source);
  }
  PrintResult(flags.format, report, ValidateTables(report));
  return kExitDone;
}

}  // namespace

void AddValidate(CLI::App& app, Command* command) {
  auto flags = std::make_shared<ValidateFlags>();
  CLI::App* sub =
      app.add_subcommand("validate", "Predictions beside what others have measured and published");
  sub->add_option("sources", flags->sources,
                  "names of published measurements (configs/published), or files; default: all")
      ->type_name(kSourceValue);
  sub->add_flag("--list", flags->list, "the sources alone, without predictions");
  sub->add_option("--config_path", flags->config_path,
                  "folders with presets, separated by ':'; default: $EDGETP_CONFIG_PATH");
  AddFormatFlag(sub, &flags->format);
  sub->footer(kValidateExamples);
  sub->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
