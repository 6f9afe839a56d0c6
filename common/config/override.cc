#include "common/config/override.h"

#include <google/protobuf/descriptor.h>

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/base/suggest.h"

namespace edgetp {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kAbsent[] = "none";

absl::Status ErrorIn(const std::string& assignment, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat("--set ", assignment, ": ", rule));
}

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

std::vector<std::string> ShortNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 1; i < type.value_count(); ++i) names.push_back(ShortName(*type.value(i)));
  return names;
}

absl::StatusOr<const EnumValueDescriptor*> ParseEnum(const EnumDescriptor& type,
                                                     const std::string& text) {
  const std::string wanted = absl::AsciiStrToLower(text);
  for (int i = 1; i < type.value_count(); ++i) {  // 0 is UNSPECIFIED: absence says that
    const EnumValueDescriptor* value = type.value(i);
    if (wanted == ShortName(*value) || wanted == absl::AsciiStrToLower(value->name())) return value;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("invalid value \"", text, "\"", KnownNames(wanted, ShortNames(type))));
}

// One value of a field's type, either set or, in a list, added.
class ValueWriter {
 public:
  ValueWriter(const FieldDescriptor& field, Message* message)
      : field_(field), message_(*message), reflection_(*message->GetReflection()) {}

  absl::Status Write(const std::string& text) {
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return Number<int32_t>(text, "a whole number", absl::SimpleAtoi<int32_t>,
                               &Reflection::SetInt32, &Reflection::AddInt32);
      case FieldDescriptor::CPPTYPE_UINT64:
        return Number<uint64_t>(text, "a whole number of at least 0", absl::SimpleAtoi<uint64_t>,
                                &Reflection::SetUInt64, &Reflection::AddUInt64);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Number<double>(text, "a finite number", &FiniteDouble, &Reflection::SetDouble,
                              &Reflection::AddDouble);
      case FieldDescriptor::CPPTYPE_BOOL:
        return Number<bool>(text, "true or false", absl::SimpleAtob, &Reflection::SetBool,
                            &Reflection::AddBool);
      case FieldDescriptor::CPPTYPE_ENUM: {
        ASSIGN_OR_RETURN(const EnumValueDescriptor* value, ParseEnum(*field_.enum_type(), text));
        Store(&Reflection::SetEnum, &Reflection::AddEnum, value);
        return absl::OkStatus();
      }
      case FieldDescriptor::CPPTYPE_STRING:
        if (field_.is_repeated()) {
          reflection_.AddString(&message_, &field_, text);
        } else {
          reflection_.SetString(&message_, &field_, text);
        }
        return absl::OkStatus();
      default:
        return absl::InvalidArgumentError(
            "is a group of fields; set one of them, or write it in a file");
    }
  }

 private:
  static bool FiniteDouble(absl::string_view text, double* out) {
    return absl::SimpleAtod(text, out) && std::isfinite(*out);
  }

  template <typename T, typename Parse>
  absl::Status Number(const std::string& text, const char* rule, Parse parse,
                      void (Reflection::*set)(Message*, const FieldDescriptor*, T) const,
                      void (Reflection::*add)(Message*, const FieldDescriptor*, T) const) {
    T value{};
    if (!parse(text, &value))
      return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" must be ", rule));
    Store(set, add, value);
    return absl::OkStatus();
  }

  template <typename Setter, typename T>
  void Store(Setter set, Setter add, T value) {
    (reflection_.*(field_.is_repeated() ? add : set))(&message_, &field_, value);
  }

  const FieldDescriptor& field_;
  Message& message_;
  const Reflection& reflection_;
};

absl::Status SetField(const FieldDescriptor& field, const std::string& value, Message* message) {
  const bool text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  const bool message_field = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  ValueWriter writer(field, message);
  if (message_field) return writer.Write(value);  // says why not, before anything is cleared
  message->GetReflection()->ClearField(message, &field);
  if (value == kAbsent && !text) return absl::OkStatus();
  if (!field.is_repeated()) return writer.Write(value);
  for (const std::string& part :
       std::vector<std::string>(absl::StrSplit(value, ',', absl::SkipWhitespace()))) {
    RETURN_IF_ERROR(writer.Write(std::string(absl::StripAsciiWhitespace(part))));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ShortName(const EnumValueDescriptor& value) {
  // Every enum here begins with <PREFIX>_UNSPECIFIED.
  const std::string prefix(absl::StripSuffix(value.type()->value(0)->name(), "UNSPECIFIED"));
  return absl::AsciiStrToLower(absl::StripPrefix(value.name(), prefix));
}

absl::Status ApplyOverride(const std::string& assignment, Message* config) {
  const size_t equals = assignment.find('=');
  if (equals == std::string::npos)
    return ErrorIn(assignment, "must be path=value, as in model.layers=12");
  const std::vector<std::string> path = absl::StrSplit(assignment.substr(0, equals), '.');
  // Changed aside, so that a bad value leaves the config as it was.
  const std::unique_ptr<Message> changed(config->New());
  changed->CopyFrom(*config);
  Message* message = changed.get();
  for (size_t i = 0; i < path.size(); ++i) {
    const Descriptor& type = *message->GetDescriptor();
    const FieldDescriptor* field = type.FindFieldByName(path[i]);
    if (field == nullptr) {
      return ErrorIn(assignment, absl::StrCat("no field \"", path[i], "\"",
                                              KnownNames(path[i], FieldNames(type))));
    }
    if (i + 1 == path.size()) {
      const absl::Status status = SetField(*field, assignment.substr(equals + 1), message);
      if (!status.ok()) return ErrorIn(assignment, std::string(status.message()));
      break;
    }
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field->is_repeated()) {
      return ErrorIn(assignment,
                     absl::StrCat("\"", path[i], "\" has no fields that --set could reach"));
    }
    message = message->GetReflection()->MutableMessage(message, field);
  }
  config->CopyFrom(*changed);
  return absl::OkStatus();
}

absl::Status ApplyOverrides(const std::vector<std::string>& assignments, Message* config) {
  for (const std::string& assignment : assignments)
    RETURN_IF_ERROR(ApplyOverride(assignment, config));
  return absl::OkStatus();
}

}  // namespace edgetp
