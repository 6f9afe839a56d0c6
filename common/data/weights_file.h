// Weights as people have them on disk, as the bytes of one safetensors file: what a job is sent.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace edgetp {

// `path`: a safetensors file, which is returned as it is, or the index of a model in several of
// them (model.safetensors.index.json, its shards in the same folder), which become one.
// Errors: those of the system naming the file; InvalidArgument if it is something else, saying what
// it looks like and, for what torch.save wrote, the line that converts it.
absl::StatusOr<std::string> ReadWeightsFile(const std::string& path);

}  // namespace edgetp
