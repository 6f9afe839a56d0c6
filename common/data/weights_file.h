// Weights as people have them on disk: opened for their header, and sent as they are.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/byte_source.h"
#include "common/data/safetensors.h"

namespace edgetp {

// What a job starts from. Its values are read when they are needed.
struct WeightsFile {
  StoredFile content;
  // The bytes of one safetensors file, for a server that has not got it.
  ByteStream bytes;
  std::string blob;  // its id, where the server has it
};

// `path`: a safetensors file, which is sent as it is, or the index of a model in several of
// them (model.safetensors.index.json, its shards in the same folder), which become one.
// Errors: those of the system naming the file; InvalidArgument if it is something else, saying what
// it looks like and, for what torch.save wrote, the line that converts it; those of OpenSafetensors
// as InvalidArgument naming the file.
absl::StatusOr<WeightsFile> OpenWeightsFile(const std::string& path);

}  // namespace edgetp
