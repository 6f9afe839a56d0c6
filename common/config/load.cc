#include "common/config/load.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/file_kind.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/base/suggest.h"
#include "common/config/hardware.h"
#include "common/network/mahimahi_trace.h"
#include "common/network/trace_config.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr char kExtension[] = ".textproto";
constexpr char kNoNetwork[] = "none";
// The largest config here is a few KiB, that of a run with an hour of traces 10 MB.
constexpr size_t kMaxConfigBytes = 16 << 20;
// Deeper nesting than any config has; keeps hostile input off the stack's end.
constexpr int kMaxNesting = 32;

class CollectErrors : public google::protobuf::io::ErrorCollector {
 public:
  explicit CollectErrors(std::string origin) : origin_(std::move(origin)) {}

  void AddError(int line, int column, const std::string& message) override {
    errors_.push_back(line < 0
                          ? absl::StrCat(origin_, ": ", message)
                          : absl::StrCat(origin_, ":", line + 1, ":", column + 1, ": ", message));
  }

  const std::vector<std::string>& errors() const { return errors_; }

 private:
  std::string origin_;
  std::vector<std::string> errors_;
};

const char* FolderOf(ConfigKind kind) {
  switch (kind) {
    case ConfigKind::kModel:
      return "models";
    case ConfigKind::kDevice:
      return "devices";
    case ConfigKind::kNetwork:
      return "networks";
    case ConfigKind::kScenario:
      return "scenarios";
    case ConfigKind::kLlama:
      return "llamas";
    case ConfigKind::kPublished:
      return "published";
    case ConfigKind::kRun:
      break;
  }
  return "runs";
}

std::string WordOf(ConfigKind kind) {
  if (kind == ConfigKind::kPublished) return "source";
  std::string folder = FolderOf(kind);
  folder.pop_back();
  return folder;
}

// Text may hold any bytes in its strings; a message that is sent may not.
bool CanTravel(const google::protobuf::Message& message) {
  const google::protobuf::LogSilencer silenced;  // it would tell of each such string
  const std::unique_ptr<google::protobuf::Message> other(message.New());
  return other->ParsePartialFromString(message.SerializePartialAsString());
}

bool IsPath(const std::string& name) {
  return absl::StrContains(name, "/") || absl::EndsWith(name, kExtension);
}

template <typename Config>
bool IsNameAlone(const Config& config) {
  Config rest = config;
  rest.clear_name();
  return config.has_name() && rest.ByteSizeLong() == 0;
}

// The same error, with what the file looks like.
absl::Status WithKind(const absl::Status& status, const std::string& text) {
  const std::string kind = LooksLike(text.substr(0, kKindBytes));
  return absl::Status(status.code(), absl::StrCat(std::string(status.message()), kind));
}

// What is given for a config by mistake, told before it is parsed. Errors: InvalidArgument.
absl::Status CheckIsConfig(const std::string& start, const std::string& path) {
  const FileKind kind = RecogniseFile(start);
  if (kind.description.empty()) return absl::OkStatus();
  const std::string hint = kind.description == kTrace
                               ? absl::StrCat("; a network profile names it: link { trace_file: \"",
                                              fs::path(path).filename().string(), "\" }")
                               : "";
  return absl::InvalidArgumentError(
      absl::StrCat("read config ", path, ": a textproto is wanted, as the files of configs/ are",
                   LooksLike(start), hint));
}

// The trace that a link of a file in `folder` names becomes its times.
absl::Status ReadTrace(const fs::path& folder, v1::LinkConfig* link) {
  // The config of a run that is over has the times already.
  if (!link->has_trace_file() || TraceSize(*link) > 0) return absl::OkStatus();
  const std::string path = (folder / link->trace_file()).lexically_normal().string();
  absl::StatusOr<std::string> text = ReadWholeFile(path, kMaxTraceFileBytes);
  RETURN_IF_ERROR(Annotate(text.status(), "trace"));
  absl::StatusOr<std::vector<uint32_t>> times_ms = ParseMahimahiTrace(*text, path);
  if (!times_ms.ok()) return WithKind(times_ms.status(), *text);
  SetTrace(*times_ms, link);
  return absl::OkStatus();
}

absl::Status ReadTraces(const fs::path& folder, v1::NetworkProfile* network) {
  if (network->has_link()) RETURN_IF_ERROR(ReadTrace(folder, network->mutable_link()));
  for (v1::LinkOverride& change : *network->mutable_overrides()) {
    if (change.has_link()) RETURN_IF_ERROR(ReadTrace(folder, change.mutable_link()));
  }
  for (v1::NetworkEvent& event : *network->mutable_events()) {
    if (event.has_network()) RETURN_IF_ERROR(ReadTraces(folder, event.mutable_network()));
    if (event.change().has_link()) {
      RETURN_IF_ERROR(ReadTrace(folder, event.mutable_change()->mutable_link()));
    }
  }
  return absl::OkStatus();
}

// Present fields of a row win.
void FillRows(v1::PublishedSet* set) {
  for (v1::PublishedRow& row : *set->mutable_rows()) {
    v1::PublishedRow whole = set->common();
    whole.MergeFrom(row);
    row = std::move(whole);
  }
}

void AddFolder(const fs::path& folder, std::vector<std::string>* folders) {
  std::error_code ignored;  // what cannot be looked at does not exist for us
  if (fs::is_directory(folder, ignored)) folders->push_back(folder.lexically_normal().string());
}

void AddFolders(const std::string& list, std::vector<std::string>* folders) {
  for (const std::string& folder :
       std::vector<std::string>(absl::StrSplit(list, ':', absl::SkipEmpty()))) {
    AddFolder(folder, folders);
  }
}

}  // namespace

absl::Status ParseTextproto(const std::string& text, const std::string& origin,
                            google::protobuf::Message* out) {
  CollectErrors collector(origin);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&collector);
  parser.SetRecursionLimit(kMaxNesting);
  if (!parser.ParseFromString(text, out))
    return absl::InvalidArgumentError(absl::StrJoin(collector.errors(), "\n"));
  if (CanTravel(*out)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(origin, ": a string is not valid UTF-8"));
}

absl::Status LoadTextproto(const std::string& path, google::protobuf::Message* out) {
  const absl::StatusOr<std::string> start = ReadFileStart(path, kKindBytes);
  RETURN_IF_ERROR(Annotate(start.status(), "config"));
  RETURN_IF_ERROR(CheckIsConfig(*start, path));
  const absl::StatusOr<std::string> text = ReadWholeFile(path, kMaxConfigBytes);
  RETURN_IF_ERROR(Annotate(text.status(), "config"));
  return ParseTextproto(*text, path, out);
}

absl::StatusOr<v1::RunConfig> LoadRunFile(const std::string& path) {
  v1::RunConfig run;
  RETURN_IF_ERROR(LoadTextproto(path, &run));
  if (run.has_network())
    RETURN_IF_ERROR(ReadTraces(fs::path(path).parent_path(), run.mutable_network()));
  return run;
}

std::string ToTextproto(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseShortRepeatedPrimitives(true);  // a trace is one line, not thousands
  std::string text;
  printer.PrintToString(message, &text);
  return text;
}

ConfigLibrary ConfigLibrary::Default(const std::string& config_path) {
  std::vector<std::string> folders;
  AddFolders(config_path, &folders);
  if (const char* path = std::getenv("EDGETP_CONFIG_PATH")) AddFolders(path, &folders);
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (!failed) {
    const fs::path bin = program.parent_path();
    for (const char* place : {"../configs", "../../configs", "../share/edgetp/configs"}) {
      AddFolder(bin / place, &folders);
    }
  }
  return ConfigLibrary(std::move(folders));
}

std::vector<std::string> ConfigLibrary::Names(ConfigKind kind) const {
  std::set<std::string> names;
  if (kind == ConfigKind::kNetwork) names.insert(kNoNetwork);
  for (const std::string& folder : folders_) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(fs::path(folder) / FolderOf(kind), ignored)) {
      if (entry.path().extension() == kExtension) names.insert(entry.path().stem().string());
    }
  }
  return {names.begin(), names.end()};
}

absl::StatusOr<std::string> ConfigLibrary::Find(ConfigKind kind, const std::string& name) const {
  if (IsPath(name)) return name;
  for (const std::string& folder : folders_) {
    const fs::path path = fs::path(folder) / FolderOf(kind) / (name + kExtension);
    std::error_code ignored;
    if (fs::is_regular_file(path, ignored)) return path.string();
  }
  // A file of this folder: "cell.trace" is meant as one, too, and is told what is wanted.
  std::error_code ignored;
  if (fs::path(name).has_extension() && fs::exists(name, ignored)) return name;
  const std::string where =
      folders_.empty()
          ? "no configs folder was found; $EDGETP_CONFIG_PATH or --config_path names one"
          : absl::StrJoin(folders_, ":");
  return absl::NotFoundError(absl::StrCat("unknown ", WordOf(kind), " \"", name, "\"",
                                          KnownNames(name, Names(kind)), " (searched: ", where,
                                          ")"));
}

template <typename Config>
absl::StatusOr<Config> ConfigLibrary::Load(ConfigKind kind, const std::string& name) const {
  ASSIGN_OR_RETURN(const std::string path, Find(kind, name));
  Config config;
  RETURN_IF_ERROR(LoadTextproto(path, &config));
  if (!config.has_name()) config.set_name(fs::path(path).stem().string());
  return config;
}

absl::StatusOr<v1::ModelConfig> ConfigLibrary::Model(const std::string& name) const {
  return Load<v1::ModelConfig>(ConfigKind::kModel, name);
}

absl::StatusOr<v1::DeviceProfile> ConfigLibrary::Device(const std::string& name) const {
  if (IsHardware(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\" is what a worker computes on and no device profile; ",
                     "`edgetp calibrate --device=", name, " --out=FILE` makes one of it"));
  }
  return Load<v1::DeviceProfile>(ConfigKind::kDevice, name);
}

// Events that name presets still do.
absl::StatusOr<v1::NetworkProfile> ConfigLibrary::LoadNetwork(const std::string& name) const {
  if (name == kNoNetwork) return UnlimitedNetwork();
  ASSIGN_OR_RETURN(const std::string path, Find(ConfigKind::kNetwork, name));
  ASSIGN_OR_RETURN(v1::NetworkProfile network,
                   Load<v1::NetworkProfile>(ConfigKind::kNetwork, path));
  RETURN_IF_ERROR(ReadTraces(fs::path(path).parent_path(), &network));
  return network;
}

absl::StatusOr<v1::NetworkProfile> ConfigLibrary::Network(const std::string& name) const {
  ASSIGN_OR_RETURN(v1::NetworkProfile network, LoadNetwork(name));
  RETURN_IF_ERROR(Annotate(ResolveEvents(&network), name));
  return network;
}

// A preset is taken as its file says: if it has events of its own, validation refuses them.
absl::Status ConfigLibrary::ResolveEvents(v1::NetworkProfile* network) const {
  for (int i = 0; i < network->events_size(); ++i) {
    v1::NetworkEvent* const event = network->mutable_events(i);
    if (!event->has_network() || !IsNameAlone(event->network())) continue;
    const std::string& name = event->network().name();
    absl::StatusOr<v1::NetworkProfile> preset = LoadNetwork(name);
    RETURN_IF_ERROR(Annotate(preset.status(), absl::StrCat("events[", i, "].network")));
    *event->mutable_network() = *std::move(preset);
  }
  return absl::OkStatus();
}

absl::Status ConfigLibrary::ResolveModel(v1::ModelConfig* model) const {
  if (model->has_layers() || !model->has_name()) return absl::OkStatus();
  ASSIGN_OR_RETURN(v1::ModelConfig preset, Model(model->name()));
  preset.MergeFrom(*model);
  *model = std::move(preset);
  return absl::OkStatus();
}

absl::StatusOr<v1::RunConfig> ConfigLibrary::Run(const std::string& name) const {
  ASSIGN_OR_RETURN(const std::string path, Find(ConfigKind::kRun, name));
  ASSIGN_OR_RETURN(v1::RunConfig run, LoadRunFile(path));
  if (run.has_model())
    RETURN_IF_ERROR(Annotate(ResolveModel(run.mutable_model()), name + ": model"));
  if (run.has_network())
    RETURN_IF_ERROR(Annotate(ResolveEvents(run.mutable_network()), name + ": network"));
  return run;
}

absl::Status ConfigLibrary::ResolveNetwork(const std::string& folder,
                                           v1::NetworkProfile* network) const {
  if (!IsNameAlone(*network)) return ReadTraces(folder, network);
  ASSIGN_OR_RETURN(*network, LoadNetwork(network->name()));
  return absl::OkStatus();
}

absl::Status ConfigLibrary::ResolveLlamas(
    google::protobuf::RepeatedPtrField<v1::LlamaConfig>* models) const {
  for (v1::LlamaConfig& model : *models) {
    if (!IsNameAlone(model)) continue;
    ASSIGN_OR_RETURN(model, Load<v1::LlamaConfig>(ConfigKind::kLlama, model.name()));
  }
  return absl::OkStatus();
}

absl::Status ConfigLibrary::ResolveBoards(const std::string& folder,
                                          v1::BoardScenario* boards) const {
  RETURN_IF_ERROR(Annotate(ResolveNetwork(folder, boards->mutable_network()), "network"));
  return ResolveLlamas(boards->mutable_models());
}

absl::StatusOr<v1::BoardScenario> ConfigLibrary::Scenario(const std::string& name) const {
  ASSIGN_OR_RETURN(const std::string path, Find(ConfigKind::kScenario, name));
  ASSIGN_OR_RETURN(v1::BoardScenario scenario,
                   Load<v1::BoardScenario>(ConfigKind::kScenario, path));
  RETURN_IF_ERROR(Annotate(ResolveBoards(fs::path(path).parent_path(), &scenario), name));
  return scenario;
}

absl::StatusOr<v1::Published> ConfigLibrary::Published(const std::string& name) const {
  ASSIGN_OR_RETURN(const std::string path, Find(ConfigKind::kPublished, name));
  const std::string folder = fs::path(path).parent_path();
  ASSIGN_OR_RETURN(v1::Published published, Load<v1::Published>(ConfigKind::kPublished, path));
  for (v1::NetworkProfile& network : *published.mutable_networks())
    RETURN_IF_ERROR(Annotate(ResolveNetwork(folder, &network), name));
  RETURN_IF_ERROR(Annotate(ResolveLlamas(published.mutable_models()), name));
  for (v1::BoardScenario& boards : *published.mutable_boards()) {
    if (IsNameAlone(boards)) {
      ASSIGN_OR_RETURN(boards, Scenario(boards.name()));
    } else {
      RETURN_IF_ERROR(Annotate(ResolveBoards(folder, &boards), name));
    }
  }
  for (v1::PublishedSet& set : *published.mutable_sets()) FillRows(&set);
  return published;
}

v1::NetworkProfile UnlimitedNetwork() {
  v1::NetworkProfile network;
  network.set_name(kNoNetwork);
  network.set_kind(v1::KIND_SPEC);
  network.set_source("no delay and no rate limit: what the host itself achieves");
  network.set_hop(v1::HOP_DIRECT);
  network.mutable_link();
  return network;
}

}  // namespace edgetp
