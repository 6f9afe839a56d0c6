// `--set model.layers=12`: sets any field of a config by its textproto path, through protobuf
// reflection. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "google/protobuf/message.h"

namespace edgetp {

// Applies "path=value". Enums are given by their full name or the short one (gelu=erf), lists as
// comma-separated values that replace the list, and "none" makes a number, enum or flag absent
// again (train.clip_norm=none: no clipping).
// Errors: InvalidArgument: an unknown field (lists the fields there), or a value that is not of the
// field's type.
absl::Status ApplyOverride(const std::string& assignment, google::protobuf::Message* config);

// All of them, in order; the first error wins.
absl::Status ApplyOverrides(const std::vector<std::string>& assignments,
                            google::protobuf::Message* config);

// The word that people write for an enum value: "erf" for GELU_ERF.
std::string ShortName(const google::protobuf::EnumValueDescriptor& value);

}  // namespace edgetp
