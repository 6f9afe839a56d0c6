#include "cli/output.h"

#include <google/protobuf/util/json_util.h>
#include <unistd.h>

#include <cstdio>

namespace edgetp {

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

void PrintResult(OutputFormat format, const google::protobuf::Message& message,
                 const std::string& table) {
  const std::string text = format == OutputFormat::kJson ? ToJson(message) : table;
  fwrite(text.data(), 1, text.size(), stdout);
  fflush(stdout);
}

}  // namespace edgetp
