// Reads configuration: strict textproto, and names of presets that live in
// configs/<kind>/<name>.textproto. Immutable after construction; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/published.pb.h"

namespace edgetp {

// Replaces `out` by what `text` says. `origin` is the file's name in messages.
// Errors: InvalidArgument, one "origin:line:column: rule" per fault; unknown and repeated scalar
// fields are faults, and so is a string that is not UTF-8.
absl::Status ParseTextproto(const std::string& text, const std::string& origin,
                            google::protobuf::Message* out);

// Errors: NotFound, PermissionDenied, ... if the file cannot be read; InvalidArgument if it is a
// folder, above 16 MiB, or another kind of file, saying which; those of ParseTextproto.
absl::Status LoadTextproto(const std::string& path, google::protobuf::Message* out);

// The config of a run, as its directory has it or as a preset, with the traces that its links name.
// Errors: those of LoadTextproto, and of the traces.
absl::StatusOr<v1::RunConfig> LoadRunFile(const std::string& path);

// Textproto that ParseTextproto reads back. Shortest exact numbers, no trailing state.
std::string ToTextproto(const google::protobuf::Message& message);

enum class ConfigKind { kModel, kDevice, kNetwork, kRun, kScenario, kLlama, kPublished };

// The presets of a list of folders that each hold models/, devices/, networks/, runs/, scenarios/,
// llamas/ and published/. Earlier folders win.
class ConfigLibrary {
 public:
  explicit ConfigLibrary(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  // Folders, where they exist, in this order: `config_path` (colon-separated), $EDGETP_CONFIG_PATH,
  // configs/ one or two levels above the program (a build tree inside the sources), the installed
  // share.
  static ConfigLibrary Default(const std::string& config_path);

  const std::vector<std::string>& folders() const { return folders_; }
  // Sorted. Networks include "none", the network without limits, which needs no file.
  std::vector<std::string> Names(ConfigKind kind) const;

  // `name` is a path (it contains a '/' or ends in .textproto) or a preset's name. A missing `name`
  // field is filled from the file's name, but for runs. Events of a network that name presets get
  // them, and links that name a trace get its times. The model of a run that names one and says no
  // layers is that preset, with the fields that the run says besides.
  // Errors: NotFound with the known names; those of LoadTextproto.
  absl::StatusOr<v1::ModelConfig> Model(const std::string& name) const;
  absl::StatusOr<v1::DeviceProfile> Device(const std::string& name) const;
  absl::StatusOr<v1::NetworkProfile> Network(const std::string& name) const;
  absl::StatusOr<v1::RunConfig> Run(const std::string& name) const;
  // Networks, models and boards that are nothing but a name are those of that name.
  absl::StatusOr<v1::BoardScenario> Scenario(const std::string& name) const;
  // Each row has what its set's `common` says.
  absl::StatusOr<v1::Published> Published(const std::string& name) const;

  // The file behind a name.
  // Errors: NotFound with the known names.
  absl::StatusOr<std::string> Find(ConfigKind kind, const std::string& name) const;

 private:
  template <typename Config>
  absl::StatusOr<Config> Load(ConfigKind kind, const std::string& name) const;
  absl::StatusOr<v1::NetworkProfile> LoadNetwork(const std::string& name) const;
  absl::Status ResolveEvents(v1::NetworkProfile* network) const;
  // A model of a run with a name and no layers is the preset of that name; its other fields win.
  absl::Status ResolveModel(v1::ModelConfig* model) const;
  // Of a file in `folder`: what is nothing but a name becomes the preset of that name.
  absl::Status ResolveNetwork(const std::string& folder, v1::NetworkProfile* network) const;
  absl::Status ResolveLlamas(google::protobuf::RepeatedPtrField<v1::LlamaConfig>* models) const;
  absl::Status ResolveBoards(const std::string& folder, v1::BoardScenario* boards) const;

  std::vector<std::string> folders_;
};

// "none": no delay, no rate.
v1::NetworkProfile UnlimitedNetwork();

}  // namespace edgetp
