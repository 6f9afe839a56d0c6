#include "cli/shared/output.h"

#include <google/protobuf/util/json_util.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// stdout is the process's, and so is this: an errno value, that of the first failure.
int g_output_error = 0;

}  // namespace

OutputFormat DefaultFormat() {
  return isatty(STDOUT_FILENO) ? OutputFormat::kTable : OutputFormat::kJson;
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  // Our messages hold no Any and no invalid UTF-8 that would make this fail; an empty document
  // would show it.
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json;
}

void Print(const std::string& text) {
  const bool written = fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if ((!written || fflush(stdout) != 0) && g_output_error == 0) g_output_error = errno;
}

void PrintResult(OutputFormat format, const google::protobuf::Message& message,
                 const std::string& table) {
  Print(format == OutputFormat::kJson ? ToJson(message) : table);
}

absl::Status FinishOutput() {
  if (fflush(stdout) != 0 && g_output_error == 0) g_output_error = errno;
  if (g_output_error == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("write to stdout: ", strerror(g_output_error)));
}

}  // namespace edgetp
