#include "common/checkpoint/checkpoint_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/rpc/digest.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr char kExtension[] = ".safetensors";
// A manifest has some 400 bytes.
constexpr uint64_t kMaxManifestBytes = 64 << 10;

std::string ManifestPath(const std::string& checkpoint) {
  return fs::path(checkpoint).replace_extension(".json").string();
}

// By the name of a file; -1: it is no checkpoint's.
int StepOf(const std::string& path) {
  int step = -1;
  const std::string name = fs::path(path).filename().string();
  // A whole name only: "step-000200.safetensors.7.0.tmp" is not a checkpoint.
  if (!absl::EndsWith(name, kExtension) || std::sscanf(name.c_str(), "step-%d", &step) != 1)
    return -1;
  return step;
}

absl::Status BadManifest(const std::string& path, const std::string& what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

// The names that were made are on the disk, too.
void SyncFolder(const std::string& folder) {
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  (void)fsync(descriptor);  // where a file system cannot, it has its own way
  close(descriptor);
}

// The value of a field, or T().
template <typename T>
T Field(const nlohmann::json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end()) return T();
  if constexpr (std::is_same_v<T, std::string>) {
    return found->is_string() ? found->template get<T>() : T();
  } else {
    return found->is_number() ? found->template get<T>() : T();
  }
}

absl::StatusOr<CheckpointManifest> ReadManifest(const std::string& checkpoint) {
  const std::string path = ManifestPath(checkpoint);
  std::error_code ignored;  // what cannot be looked at cannot be read either
  if (!fs::exists(path, ignored)) {
    return absl::NotFoundError(absl::StrCat(
        "has no manifest ", path,
        " (it was not written to its end, or by an older edgetp: --init_from=", checkpoint,
        " takes its weights)"));
  }
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path, kMaxManifestBytes));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return BadManifest(path, "is not a JSON object");
  CheckpointManifest manifest{.run = Field<std::string>(json, "run"),
                              .step = Field<int>(json, "step"),
                              .size_bytes = Field<int64_t>(json, "size_bytes"),
                              .sha256 = Field<std::string>(json, "sha256"),
                              .validation_loss = std::nullopt,
                              .corpus = Field<std::string>(json, "corpus"),
                              .version = Field<std::string>(json, "version")};
  if (json.contains("validation_loss"))
    manifest.validation_loss = Field<double>(json, "validation_loss");
  if (!IsSha256Hex(manifest.sha256)) return BadManifest(path, "sha256: want 64 hex digits");
  if (manifest.step != StepOf(checkpoint)) {
    return BadManifest(path, absl::StrCat("step: is ", manifest.step, ", the file's name says ",
                                          StepOf(checkpoint)));
  }
  return manifest;
}

absl::StatusOr<StoredCheckpoint> Read(const std::string& path) {
  ASSIGN_OR_RETURN(CheckpointManifest manifest, ReadManifest(path));
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return absl::ErrnoToStatus(error.value(), "look at it");
  if (static_cast<int64_t>(size) != manifest.size_bytes) {
    return absl::DataLossError(absl::StrCat("is not what was saved: it has ", size,
                                            " bytes, its manifest says ", manifest.size_bytes));
  }
  return StoredCheckpoint{path, std::move(manifest)};
}

std::vector<std::string> FilesOf(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error); !error && at != fs::directory_iterator();
       at.increment(error))
    files.push_back(at->path().string());
  return files;
}

std::string PassedOver(const std::string& path, const absl::Status& why) {
  return absl::StrCat("checkpoint ", path, " is passed over: ", std::string(why.message()));
}

}  // namespace

std::string CheckpointFolder(const std::string& runs, const std::string& run) {
  return absl::StrCat(runs, "/", run, "/checkpoints");
}

std::string CheckpointPath(const std::string& folder, int step) {
  return absl::StrCat(folder, "/", absl::StrFormat("step-%06d", step), kExtension);
}

absl::Status WriteManifest(const std::string& checkpoint, const CheckpointManifest& manifest) {
  nlohmann::ordered_json json = {{"run", manifest.run},
                                 {"step", manifest.step},
                                 {"file", fs::path(checkpoint).filename().string()},
                                 {"size_bytes", manifest.size_bytes},
                                 {"sha256", manifest.sha256}};
  if (manifest.validation_loss.has_value() && std::isfinite(*manifest.validation_loss))
    json["validation_loss"] = *manifest.validation_loss;
  if (!manifest.corpus.empty()) json["corpus"] = manifest.corpus;
  json["version"] = manifest.version;
  RETURN_IF_ERROR(WriteWholeFile(ManifestPath(checkpoint), json.dump(1) + "\n"));
  SyncFolder(fs::path(checkpoint).parent_path().string());
  return absl::OkStatus();
}

CheckpointList ListCheckpoints(const std::string& folder) {
  CheckpointList list;
  std::vector<std::string> paths = FilesOf(folder);
  std::erase_if(paths, [](const std::string& path) { return StepOf(path) < 0; });
  std::sort(paths.begin(), paths.end(),
            [](const std::string& a, const std::string& b) { return StepOf(a) > StepOf(b); });
  for (const std::string& path : paths) {
    absl::StatusOr<StoredCheckpoint> checkpoint = Read(path);
    if (checkpoint.ok()) {
      list.checkpoints.push_back(*std::move(checkpoint));
    } else {
      list.passed_over.push_back(PassedOver(path, checkpoint.status()));
    }
  }
  return list;
}

absl::Status CheckBytes(const StoredCheckpoint& checkpoint) {
  ASSIGN_OR_RETURN(const std::string sha256, Sha256HexOfFile(checkpoint.path));
  if (sha256 == checkpoint.manifest.sha256) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("is not what was saved: its SHA-256 is ", sha256,
                                          ", its manifest says ", checkpoint.manifest.sha256));
}

absl::StatusOr<StoredCheckpoint> NewestSound(CheckpointList* list, int before,
                                             const CheckpointCheck& check) {
  for (const StoredCheckpoint& checkpoint : list->checkpoints) {
    if (checkpoint.manifest.step >= before) continue;
    const absl::Status sound = check(checkpoint);
    if (sound.ok()) return checkpoint;
    list->passed_over.push_back(PassedOver(checkpoint.path, sound));
  }
  return absl::NotFoundError(
      list->passed_over.empty()
          ? "no checkpoint"
          : absl::StrCat("no checkpoint that is sound:\n", absl::StrJoin(list->passed_over, "\n")));
}

void RemoveOldCheckpoints(const std::string& folder, int keep) {
  std::vector<StoredCheckpoint> checkpoints = ListCheckpoints(folder).checkpoints;
  const auto loss = [](const StoredCheckpoint& checkpoint) {
    return checkpoint.manifest.validation_loss.value_or(HUGE_VAL);
  };
  const auto best = std::min_element(
      checkpoints.begin(), checkpoints.end(),
      [&](const StoredCheckpoint& a, const StoredCheckpoint& b) { return loss(a) < loss(b); });
  for (auto old = checkpoints.begin(); old != checkpoints.end(); ++old) {
    const bool is_best = old == best && loss(*old) < HUGE_VAL;
    if (old - checkpoints.begin() < keep || is_best) continue;
    std::error_code ignored;
    // The manifest last: what is left by a crash in between is small.
    if (fs::remove(old->path, ignored)) fs::remove(ManifestPath(old->path), ignored);
  }
}

void RemoveUnfinishedCheckpoints(const std::string& folder) {
  for (const std::string& path : FilesOf(folder)) {
    std::error_code ignored;
    if (absl::EndsWith(path, ".tmp")) fs::remove(path, ignored);
  }
}

}  // namespace edgetp
