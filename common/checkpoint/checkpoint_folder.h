// A run's folder of checkpoints: step-000200.safetensors, and beside it its manifest
// step-000200.json, which is written last: a checkpoint without one is none. The server writes,
// server and command line read. Thread-safe (no state); one writer per folder.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace edgetp {

struct CheckpointManifest {
  std::string run;
  int step = 0;            // updates made
  int64_t size_bytes = 0;  // of the checkpoint
  std::string sha256;
  std::optional<double> validation_loss;  // absent where nobody evaluated after that step
  std::string corpus;                     // id of what it was trained on; empty: unknown
  std::string version;                    // of the edgetp that wrote it
};

struct StoredCheckpoint {
  std::string path;
  CheckpointManifest manifest;
};

// Where those of a run lie: <runs>/<run>/checkpoints.
std::string CheckpointFolder(const std::string& runs, const std::string& run);
// <folder>/step-000200.safetensors
std::string CheckpointPath(const std::string& folder, int step);

// Makes a checkpoint of a file that is complete, and on the disk.
// Errors: what the file system says; then it is none.
absl::Status WriteManifest(const std::string& checkpoint, const CheckpointManifest& manifest);

// What a folder has, newest first, and why files in it that look like checkpoints are passed over.
struct CheckpointList {
  std::vector<StoredCheckpoint> checkpoints;
  std::vector<std::string> passed_over;  // one line each, with the path
};

// By manifests and sizes: no checkpoint is read. A folder that is not there has none.
CheckpointList ListCheckpoints(const std::string& folder);

// Whether the bytes are those that were saved. Reads them all.
// Errors: DataLoss naming both checksums; what the file system says.
absl::Status CheckBytes(const StoredCheckpoint& checkpoint);

using CheckpointCheck = std::function<absl::Status(const StoredCheckpoint&)>;

// The first of `list` that `check` accepts, of a step below `before`; others are passed over.
// Errors: NotFound, with what was passed over.
absl::StatusOr<StoredCheckpoint> NewestSound(CheckpointList* list, int before = INT32_MAX,
                                             const CheckpointCheck& check = CheckBytes);

// Removes all but the newest `keep` checkpoints and the one with the lowest validation loss.
// Whatever cannot be removed stays.
void RemoveOldCheckpoints(const std::string& folder, int keep);

// Removes what a killed server has left of checkpoints that it was receiving ("*.tmp").
void RemoveUnfinishedCheckpoints(const std::string& folder);

}  // namespace edgetp
