// Results on stdout, as a table or as one JSON document; everything else goes to stderr.
#pragma once

#include <google/protobuf/message.h>

#include <string>

#include "absl/status/status.h"

namespace edgetp {

enum class OutputFormat { kTable, kJson };

// Table on a terminal, JSON where another program reads.
OutputFormat DefaultFormat();

// Field names as keys, zeros included, absent optional fields left out; indented; ends with a
// newline.
std::string ToJson(const google::protobuf::Message& message);

// Writes `text` to stdout. What fails is told by FinishOutput.
void Print(const std::string& text);

// Prints `message` as JSON, or `table` as it is.
void PrintResult(OutputFormat format, const google::protobuf::Message& message,
                 const std::string& table);

// Once everything is printed: whether all of it has arrived. A result that nobody got is a failure.
// Errors: Unavailable with the system's reason.
absl::Status FinishOutput();

}  // namespace edgetp
