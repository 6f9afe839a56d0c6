#include "server/run_directory.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/config/load.h"
#include "common/config/validate.h"
#include "common/rpc/host.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

// Model and pattern get this much each. The network, which its link options may make longer, gets
// what they leave of all three, so that date, time and a "-999" stay within the 64 of a run name.
constexpr size_t kNamePartLength = 14;
constexpr size_t kNamePartsLength = 41;
// The end of metrics.jsonl, some thousand steps, tells how far a run has come.
constexpr int64_t kPastBytes = 1 << 20;

absl::Status FromErrorCode(const std::error_code& error, const std::string& attempt) {
  if (!error) return absl::OkStatus();
  return absl::ErrnoToStatus(error.value(), attempt);
}

bool IsNameCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '+' ||
         c == '-';
}

std::string KeepNameCharacters(const std::string& text) {
  std::string kept;
  // "wifi-5#2" is not "wifi-52".
  const std::string numbered = absl::StrReplaceAll(text, {{"#", "-"}});
  std::copy_if(numbered.begin(), numbered.end(), std::back_inserter(kept), IsNameCharacter);
  return kept;
}

const char* TaskName(const v1::JobSpec& spec) {
  switch (spec.task_case()) {
    case v1::JobSpec::kEval:
      return "eval";
    case v1::JobSpec::kSample:
      return "sample";
    case v1::JobSpec::kBench:
      return "bench";
    case v1::JobSpec::kCalibrate:
      return "calibrate";
    default:
      return "train";
  }
}

// What the config does not say: for people, and to repeat the run.
std::string ConfigText(const v1::RunConfig& config, absl::Time now) {
  return absl::StrCat("# proto-file: edgetp/v1/config.proto\n# proto-message: RunConfig\n",
                      "# edgetp ", kVersion, ", coordinator on ", HostName(), ", ",
                      absl::FormatTime(now, absl::UTCTimeZone()), ", clock ",
                      config.clock() == v1::CLOCK_SIMULATED ? "simulated" : "emulated", "\n\n",
                      ToTextproto(config));
}

absl::Status WriteAll(std::FILE* file, const std::string& text, const std::string& attempt) {
  if (std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, attempt);
}

struct WholeLines {
  int64_t bytes = 0;
  RunPast past;
};

// Of a metrics.jsonl that may end in half a line; none where there is no such file.
absl::StatusOr<WholeLines> ReadMetrics(const std::string& path) {
  WholeLines lines;
  std::ifstream file(path, std::ios::binary);
  google::protobuf::util::JsonParseOptions lenient;
  lenient.ignore_unknown_fields = true;
  std::error_code ignored;  // without a size all is looked at
  const auto size = static_cast<int64_t>(fs::file_size(path, ignored));
  for (std::string line; std::getline(file, line) && !file.eof();) {
    lines.bytes += static_cast<int64_t>(line.size()) + 1;
    if (!ignored && lines.bytes + kPastBytes < size) continue;
    v1::StepRecord record;
    if (!google::protobuf::util::JsonStringToMessage(line, &record, lenient).ok()) continue;
    // Those of an older server say none.
    lines.past.attempts = std::max({lines.past.attempts, record.attempt(), 1});
    lines.past.furthest_step = std::max(lines.past.furthest_step, record.step());
    lines.past.wall_seconds = record.wall_seconds();
  }
  if (file.bad()) return absl::DataLossError(absl::StrCat("read ", path, ": failed"));
  return lines;
}

}  // namespace

absl::Status CheckRunName(const std::string& name) {
  if (IsRunName(name)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("run name '", name,
                   "': must be a letter or digit, then at most 63 letters, digits, dots, "
                   "dashes, underscores or plus signs"));
}

std::string DefaultRunName(const v1::JobSpec& spec, absl::Time now) {
  const std::string time = absl::FormatTime("%Y%m%d-%H%M%S", now, absl::LocalTimeZone());
  if (!spec.has_train()) return absl::StrCat(TaskName(spec), "-", time);
  const v1::RunConfig& config = spec.config();
  std::string name;
  for (const std::string& part : {config.model().name(), config.pattern()}) {
    const std::string kept = KeepNameCharacters(part).substr(0, kNamePartLength);
    if (!kept.empty()) absl::StrAppend(&name, kept, "-");
  }
  const std::string network = KeepNameCharacters(config.network().name());
  if (!network.empty())
    absl::StrAppend(&name, network.substr(0, kNamePartsLength - name.size()), "-");
  return absl::StrCat(name, time);
}

absl::Status WriteFileAtomically(const std::string& path, const std::string& contents) {
  const std::string temporary = path + ".tmp";
  const std::string attempt = absl::StrCat("write ", path);
  std::FILE* const file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) return absl::ErrnoToStatus(errno, attempt);
  absl::Status status = WriteAll(file, contents, attempt);
  if (std::fclose(file) != 0 && status.ok()) status = absl::ErrnoToStatus(errno, attempt);
  std::error_code error;
  if (status.ok()) {
    fs::rename(temporary, path, error);
    status = FromErrorCode(error, attempt);
  }
  std::error_code ignored;  // the temporary file is of no use to anybody, and may be gone already
  if (!status.ok()) fs::remove(temporary, ignored);
  return status;
}

std::string ToJson(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  options.add_whitespace = pretty;
  std::string json;
  // Fails only for Any and malformed UTF-8; the reports have neither an Any nor text from outside.
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json;
}

RunDirectory::RunDirectory(std::string path, WholeRecords metrics, TensorboardLog tensorboard)
    : path_(std::move(path)),
      metrics_(std::move(metrics)),
      tensorboard_(std::move(tensorboard)) {}

absl::StatusOr<std::unique_ptr<RunDirectory>> RunDirectory::Create(const std::string& root,
                                                                   const std::string& name,
                                                                   const v1::RunConfig& config,
                                                                   absl::Time now) {
  RETURN_IF_ERROR(CheckRunName(name));
  const std::string path = absl::StrCat(root, "/", name);
  const std::string attempt = absl::StrCat("make run directory ", path, " (--runs=", root, ")");
  std::error_code error;
  fs::create_directories(root, error);
  RETURN_IF_ERROR(FromErrorCode(error, attempt));
  const bool made = fs::create_directory(path, error);
  RETURN_IF_ERROR(FromErrorCode(error, attempt));
  if (!made) return absl::AlreadyExistsError(absl::StrCat("run ", name, " exists: ", path));
  absl::StatusOr<std::unique_ptr<RunDirectory>> directory = Fill(path, config, now, 0);
  // A run that never was leaves nothing behind that takes its name.
  if (!directory.ok()) fs::remove_all(path, error);
  return directory;
}

absl::StatusOr<std::unique_ptr<RunDirectory>> RunDirectory::Fill(const std::string& path,
                                                                 const v1::RunConfig& config,
                                                                 absl::Time now,
                                                                 int64_t metrics_bytes) {
  std::error_code error;
  fs::create_directory(path + "/checkpoints", error);
  RETURN_IF_ERROR(FromErrorCode(error, absl::StrCat("open run directory ", path)));
  const std::string text = ConfigText(config, now);
  ASSIGN_OR_RETURN(WholeRecords metrics,
                   WholeRecords::Open(path + "/metrics.jsonl", metrics_bytes));
  ASSIGN_OR_RETURN(TensorboardLog tensorboard,
                   TensorboardLog::Open(path + "/tensorboard", text, now));
  RETURN_IF_ERROR(WriteFileAtomically(path + "/config.textproto", text));
  return std::unique_ptr<RunDirectory>(
      new RunDirectory(path, std::move(metrics), std::move(tensorboard)));
}

absl::StatusOr<std::unique_ptr<RunDirectory>> RunDirectory::Reopen(const std::string& root,
                                                                   const std::string& name,
                                                                   const v1::RunConfig& config,
                                                                   absl::Time now, RunPast* past) {
  RETURN_IF_ERROR(CheckRunName(name));
  const std::string path = absl::StrCat(root, "/", name);
  std::error_code error;
  if (!fs::exists(path + "/config.textproto", error))
    return absl::NotFoundError(absl::StrCat("no run ", name, " in ", root, " to go on with"));
  ASSIGN_OR_RETURN(const WholeLines lines, ReadMetrics(path + "/metrics.jsonl"));
  if (past != nullptr) *past = lines.past;
  return Fill(path, config, now, lines.bytes);
}

absl::Status RunDirectory::AppendStep(const v1::StepRecord& record) {
  RETURN_IF_ERROR(metrics_.Append(ToJson(record, false) + "\n"));
  return tensorboard_.Step(record);
}

absl::Status RunDirectory::WriteSummary(const v1::RunSummary& summary) {
  (void)tensorboard_.Summary(summary);  // who misses it there finds it in the file that follows
  return WriteFileAtomically(path_ + "/summary.json", ToJson(summary, true));
}

}  // namespace edgetp
