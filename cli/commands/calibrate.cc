// edgetp calibrate: measures this machine and writes the device profile that simulate and train
// take.
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "cli/shared/command.h"
#include "cli/shared/format.h"
#include "cli/shared/job_series.h"
#include "cli/shared/run_options.h"
#include "cli/shared/table.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/config/defaults.h"
#include "common/config/load.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr char kCalibrateExamples[] = R"(Examples:
  edgetp calibrate --out=./mine.textproto
  edgetp calibrate --device=cuda:0 --out=./my-gpu.textproto
  edgetp calibrate --model=gpt2 --batch=1 --threads=2 --out=./gpt2.textproto
  edgetp simulate --pattern=sppp --workers=4 --network=wifi-5 --device=./mine.textproto
Nothing else should run meanwhile. Two workers are started, so that messages take the path that training takes.)";

constexpr char kProfileExtension[] = ".textproto";

struct CalibrateFlags {
  RunFlags run;
  ClusterFlags cluster;
  std::string out;
  bool force = false;
  OutputFormat format = OutputFormat::kTable;
};

// Before minutes are spent on measuring.
absl::Status CheckOut(const CalibrateFlags& flags) {
  if (flags.out.empty()) return absl::OkStatus();
  const fs::path path(flags.out);
  std::error_code ignored;
  if (!absl::EndsWith(flags.out, kProfileExtension)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--out: the name of a device profile ends in ", kProfileExtension));
  }
  if (path.has_parent_path() && !fs::is_directory(path.parent_path(), ignored)) {
    return absl::NotFoundError(
        absl::StrCat("--out: there is no folder ", path.parent_path().string()));
  }
  if (fs::exists(path, ignored) && !flags.force) {
    return absl::AlreadyExistsError(
        absl::StrCat("--out: ", flags.out, " exists; --force replaces it"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::JobSpec> MakeJob(CalibrateFlags flags) {
  Faults faults;
  v1::JobSpec spec;
  spec.mutable_calibrate();
  flags.run.workers = 2;
  flags.run.network = "none";  // also where a running cluster has another one
  *spec.mutable_config() = faults.Take(ResolveRun(flags.run, v1::RunConfig(), kAssumedVocabulary));
  faults.Add(CheckOut(flags));
  RETURN_IF_ERROR(faults.status());
  return spec;
}

// What the fit has not seen is absent: free.
void SetFitted(const v1::CalibrateReport& report, v1::DeviceProfile* profile) {
  if (report.elementwise_bytes_per_second() > 0)
    profile->set_elementwise_bytes_per_second(report.elementwise_bytes_per_second());
  if (report.optimizer_bytes_per_second() > 0)
    profile->set_optimizer_bytes_per_second(report.optimizer_bytes_per_second());
  if (report.message_bytes_per_second() > 0)
    profile->set_message_bytes_per_second(report.message_bytes_per_second());
  if (report.codec_bytes_per_second() > 0)
    profile->set_codec_bytes_per_second(report.codec_bytes_per_second());
  profile->set_operation_overhead_us(report.operation_overhead_us());
  profile->set_segment_overhead_us(report.segment_overhead_us());
}

v1::DeviceProfile ProfileOf(const CalibrateFlags& flags, const v1::RunConfig& config,
                            const v1::CalibrateReport& report) {
  v1::DeviceProfile profile;
  profile.set_name(flags.out.empty() ? report.host() : fs::path(flags.out).stem().string());
  profile.set_kind(v1::KIND_MEASURED);
  profile.set_source(absl::StrFormat(
      "edgetp %s calibrate on %s (%s), %s: %s, batch %d, sequence %d, %d thread%s, %s", kVersion,
      report.host(), report.device(),
      absl::FormatTime("%Y-%m-%d", absl::Now(), absl::UTCTimeZone()), report.model(),
      config.train().batch(), config.model().sequence(), report.threads(),
      report.threads() == 1 ? "" : "s", report.blas()));
  profile.set_flops_per_second(report.flops_per_second());
  profile.set_memory_bytes_per_second(report.memory_bytes_per_second());
  profile.set_memory_bytes(report.memory_bytes());
  profile.set_message_overhead_us(report.message_overhead_us());
  SetFitted(report, &profile);
  if (report.staging_bytes_per_second() > 0)
    profile.set_staging_bytes_per_second(report.staging_bytes_per_second());
  return profile;
}

std::string Giga(double value, const char* unit) {
  return absl::StrCat(FormatNumber(value * 1e-9), " ", unit);
}
// Of the fit, which may have seen nothing of it.
std::string Fitted(double value, const char* unit) {
  return value > 0 ? Giga(value, unit) : "free";
}
std::string Micro(double us) { return absl::StrCat(FormatNumber(us), " us"); }

// The cost model, and each shape beside what it says of it.
void AddFit(const v1::CalibrateReport& report, Table* table) {
  table->AddRow({"fitted: products", Fitted(report.flops_per_second(), "GFLOP/s")});
  table->AddRow({"fitted: element-wise", Fitted(report.elementwise_bytes_per_second(), "GB/s")});
  table->AddRow({"fitted: optimizer", Fitted(report.optimizer_bytes_per_second(), "GB/s")});
  table->AddRow({"fitted: each operation", Micro(report.operation_overhead_us())});
  table->AddRow({"fitted: each segment", Micro(report.segment_overhead_us())});
  table->AddRow({"fitted: a message, each end", Micro(report.message_overhead_us())});
  table->AddRow({"fitted: a message's bytes", Fitted(report.message_bytes_per_second(), "GB/s")});
  for (const v1::CalibrateReport::Shape& shape : report.shapes()) {
    table->AddRow(
        {absl::StrCat("compute of a step, ", shape.name()),
         absl::StrFormat("%s, fitted %s (%+.1f %%)", FormatSeconds(shape.compute_seconds()),
                         FormatSeconds(shape.fitted_seconds()),
                         100 * (shape.fitted_seconds() / shape.compute_seconds() - 1))});
  }
}

std::string CalibrateTable(const v1::CalibrateReport& report) {
  Table table({{"measured", Align::kLeft}, {report.host(), Align::kLeft}});
  table.AddRow({"device", report.device()});
  table.AddRow({"model, threads, BLAS",
                absl::StrCat(report.model(), ", ", report.threads(), ", ", report.blas())});
  for (const v1::CalibrateReport::Gemm& gemm : report.gemms()) {
    table.AddRow({absl::StrCat("product, ", gemm.name()),
                  absl::StrCat(Giga(gemm.flops_per_second(), "GFLOP/s, "), gemm.rows(), " x ",
                               gemm.inner(), " x ", gemm.columns())});
  }
  AddFit(report, &table);
  table.AddRow({"memory, copying", Giga(report.memory_bytes_per_second(), "GB/s")});
  if (report.staging_bytes_per_second() > 0) {
    table.AddRow(
        {"staging, device to host or back", Giga(report.staging_bytes_per_second(), "GB/s")});
  }
  table.AddRow({"encoding 8 bits, of float32", Giga(report.codec_bytes_per_second(), "GB/s")});
  table.AddRow({"loopback, large all-reduce", Giga(report.loopback_bytes_per_second(), "GB/s")});
  table.AddRow({"memory", FormatBytes(report.memory_bytes())});
  return table.Render();
}

ExitCode Publish(const CalibrateFlags& flags, const v1::RunConfig& config,
                 const v1::CalibrateReport& report) {
  PrintResult(flags.format, report, CalibrateTable(report));
  const std::string text = ToTextproto(ProfileOf(flags, config, report));
  if (flags.out.empty()) {
    absl::FPrintF(stderr, "no --out: nothing was written. The profile would be:\n%s", text);
    return kExitDone;
  }
  const absl::Status written = WriteWholeFile(flags.out, text);
  if (!written.ok()) return Report(written);
  absl::FPrintF(stderr, "device profile: %s\n", flags.out);
  return kExitDone;
}

ExitCode Run(const CalibrateFlags& flags) {
  const auto spec = MakeJob(flags);
  if (!spec.ok()) return Report(spec.status());
  return RunSingleJob(flags.cluster, *spec, {}, ShowProgress::kNo, [&](const auto& result) {
    return Publish(flags, spec->config(), result.calibrate());
  });
}

}  // namespace

void AddCalibrate(CLI::App& app, Command* command) {
  auto flags = std::make_shared<CalibrateFlags>();
  CLI::App* calibrate =
      app.add_subcommand("calibrate", "Measure this machine, as a device profile");
  calibrate->add_option("--out", flags->out, "file for the profile, NAME.textproto");
  calibrate->add_flag("--force", flags->force, "replace the file if it exists");
  AddModelFlags(calibrate, &flags->run);
  calibrate->add_option("--pattern", flags->run.pattern,
                        "of the measured training steps; default: t for every layer");
  AddPresetFlags(calibrate, &flags->run);
  AddFormatFlag(calibrate, &flags->format);
  AddLocalFlags(calibrate, &flags->cluster.local);
  calibrate->footer(kCalibrateExamples);
  calibrate->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
