// One event as a record of an event file: the framing of TensorFlow's TFRecord files, which
// TensorBoard reads. Pure.
// Source: tensorflow/core/lib/io/record_writer.h, "Format of a single record".
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "edgetp/v1/tensorboard.pb.h"

namespace edgetp {

// Length (8 bytes), its checksum (4), the bytes, their checksum (4): little-endian; checksums are
// masked CRC-32C.
std::string TfRecord(absl::string_view bytes);

std::string EventRecord(const tensorboard::Event& event);

}  // namespace edgetp
