#include "common/data/safetensors.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/file_kind.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/data/bytes.h"
#include "common/data/half_precision.h"

namespace edgetp {
namespace {

// Sorted: an ordered_json looks for a key among all others, so that a header of many names would
// take its square.
using Json = nlohmann::json;

constexpr size_t kSizeBytes = 8;
// The limit of the reference implementation; keeps hostile headers from being parsed.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr uint64_t kMaxTensorFileBytes = uint64_t{64} << 30;
constexpr size_t kMaxDimensions = 8;
constexpr char kMetadataKey[] = "__metadata__";

absl::Status Corrupt(const std::string& what) {
  return absl::DataLossError(absl::StrCat("parse safetensors: ", what));
}

float FromFloat32(const char* in) {
  float value;
  std::memcpy(&value, in, sizeof(value));
  return value;
}

float FromFloat64(const char* in) {
  double value;
  std::memcpy(&value, in, sizeof(value));
  return static_cast<float>(value);
}

// All that the format has; without `decode` for what no weights are made of, without `encode` for
// what is not written, or as it lies in memory.
struct Dtype {
  const char* name;
  size_t bytes;
  float (*decode)(const char* in) = nullptr;
  uint16_t (*encode)(float value) = nullptr;
};

constexpr Dtype kDtypes[] = {{"F32", 4, &FromFloat32},
                             {"F16", 2, &FromFloat16, &ToFloat16},
                             {"BF16", 2, &FromBfloat16, &ToBfloat16},
                             {"F64", 8, &FromFloat64},
                             {"BOOL", 1},
                             {"U8", 1},
                             {"I8", 1},
                             {"F8_E5M2", 1},
                             {"F8_E4M3", 1},
                             {"I16", 2},
                             {"U16", 2},
                             {"I32", 4},
                             {"U32", 4},
                             {"I64", 8},
                             {"U64", 8}};

const Dtype& DtypeOf(ElementType type) {
  return kDtypes[type == ElementType::kFloat32 ? 0 : type == ElementType::kFloat16 ? 1 : 2];
}

// What is not float32 is decoded in so many values at once.
constexpr size_t kDecodedAtOnce = 1 << 18;

absl::string_view BytesOf(absl::Span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::string Encode(absl::Span<const float> values, uint16_t (*encode)(float value)) {
  std::string bytes(values.size() * sizeof(uint16_t), '\0');
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = encode(values[i]);
    std::memcpy(bytes.data() + i * sizeof(bits), &bits, sizeof(bits));
  }
  return bytes;
}

// A tensor's row of the header.
struct Entry {
  std::string name;
  const Dtype* dtype = nullptr;
  std::vector<int64_t> shape;
  uint64_t elements = 1;
  uint64_t begin = 0;
  uint64_t end = 0;
};

bool IsUnsignedList(const Json& list) {
  return list.is_array() && std::all_of(list.begin(), list.end(),
                                        [](const Json& n) { return n.is_number_unsigned(); });
}

absl::Status ReadDtype(const Json& row, Entry* entry) {
  const std::string name =
      row.contains("dtype") && row["dtype"].is_string() ? row["dtype"].get<std::string>() : "";
  for (const Dtype& dtype : kDtypes) {
    if (name == dtype.name) entry->dtype = &dtype;
  }
  if (entry->dtype != nullptr) return absl::OkStatus();
  return Corrupt(
      absl::StrCat("tensor ", entry->name, ": dtype \"", name, "\" is not one of the format's"));
}

absl::Status ReadShape(const Json& row, uint64_t data_bytes, Entry* entry) {
  if (!row.contains("shape") || !IsUnsignedList(row["shape"]) ||
      row["shape"].size() > kMaxDimensions) {
    return Corrupt(absl::StrCat("tensor ", entry->name, ": shape must be a list of at most ",
                                kMaxDimensions, " whole numbers"));
  }
  for (const Json& size : row["shape"]) {
    const auto dimension = size.get<uint64_t>();
    // Bounded by the file's own size before they are multiplied, so that the product cannot wrap
    // around.
    if (dimension > data_bytes || (dimension > 0 && entry->elements > data_bytes / dimension)) {
      return Corrupt(
          absl::StrCat("tensor ", entry->name, ": its shape asks for more than the file holds"));
    }
    entry->elements *= dimension;
    entry->shape.push_back(static_cast<int64_t>(dimension));
  }
  return absl::OkStatus();
}

absl::Status ReadRange(const Json& row, uint64_t data_bytes, Entry* entry) {
  if (!row.contains("data_offsets") || !IsUnsignedList(row["data_offsets"]) ||
      row["data_offsets"].size() != 2) {
    return Corrupt(
        absl::StrCat("tensor ", entry->name, ": data_offsets must be two whole numbers"));
  }
  entry->begin = row["data_offsets"][0].get<uint64_t>();
  entry->end = row["data_offsets"][1].get<uint64_t>();
  if (entry->begin > entry->end || entry->end > data_bytes) {
    return Corrupt(absl::StrCat("tensor ", entry->name, ": bytes [", entry->begin, ", ", entry->end,
                                ") are outside the file's ", data_bytes));
  }
  if (entry->end - entry->begin != entry->elements * entry->dtype->bytes) {
    return Corrupt(absl::StrCat("tensor ", entry->name, ": ", entry->end - entry->begin,
                                " bytes, but shape [", absl::StrJoin(entry->shape, ", "), "] of ",
                                entry->dtype->name, " needs ",
                                entry->elements * entry->dtype->bytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::map<std::string, std::string>> ReadMetadata(const Json& object) {
  if (!object.is_object()) return Corrupt("__metadata__ must be an object");
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string())
      return Corrupt(absl::StrCat("__metadata__ ", key, ": must be a string"));
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

// The tensors' bytes must follow one another from the first byte to the last.
absl::Status CheckCoverage(const std::vector<Entry>& entries, uint64_t data_bytes) {
  uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) {
      return Corrupt(absl::StrCat("tensor ", entry.name, ": begins at byte ", entry.begin,
                                  " where ", at,
                                  " was expected: tensors must neither overlap nor leave gaps"));
    }
    at = entry.end;
  }
  if (at == data_bytes) return absl::OkStatus();
  return Corrupt(absl::StrCat(data_bytes - at, " bytes after the last tensor"));
}

// So many of its bytes, from the beginning.
absl::StatusOr<std::string> StartOf(const ByteSource& source, uint64_t bytes) {
  std::string start(std::min(source.size(), bytes), '\0');
  RETURN_IF_ERROR(source.Read(0, absl::MakeSpan(start.data(), start.size())));
  return start;
}

// The header as JSON; `data_begin` is where it ends.
absl::StatusOr<Json> ReadHeader(const ByteSource& source, uint64_t* data_begin) {
  // Not by its size alone: text read as a size is a number beyond belief, which tells nobody
  // anything.
  ASSIGN_OR_RETURN(const std::string start, StartOf(source, kKindBytes));
  const std::string kind = LooksLike(start);
  if (start.size() < kSizeBytes)
    return Corrupt(absl::StrCat("the file is shorter than the header's size", kind));
  const auto size = ReadNumber<uint64_t>(start, 0);
  if (size > kMaxHeaderBytes)
    return Corrupt(absl::StrCat("the file does not begin with the size of a header", kind));
  if (size > source.size() - kSizeBytes) {
    return Corrupt(absl::StrCat("a header of ", size, " bytes does not fit the file's ",
                                source.size(), ": was it cut off?"));
  }
  *data_begin = kSizeBytes + size;
  ASSIGN_OR_RETURN(const std::string bytes, StartOf(source, *data_begin));
  bool repeated = false;
  std::set<std::string> names;
  const auto reject_repeats = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::key && depth == 1) {
      repeated |= !names.insert(parsed.get<std::string>()).second;
    }
    return true;
  };
  Json header = Json::parse(bytes.begin() + kSizeBytes, bytes.end(), reject_repeats,
                            /*allow_exceptions=*/false);
  if (!header.is_object()) return Corrupt("the header is not a JSON object");
  if (repeated) return Corrupt("the header has a name twice");
  return header;
}

// Reads what lies in the file as float32 without a detour.
absl::Status ReadFloats(const ByteSource& source, uint64_t offset, absl::Span<float> out) {
  return source.Read(
      offset, absl::MakeSpan(reinterpret_cast<char*>(out.data()), out.size() * sizeof(float)));
}

absl::Status ReadEncoded(const ByteSource& source, const Dtype& dtype, uint64_t offset,
                         absl::Span<float> out) {
  std::string bytes;
  for (size_t at = 0; at < out.size(); at += kDecodedAtOnce) {
    const size_t count = std::min(kDecodedAtOnce, out.size() - at);
    bytes.resize(count * dtype.bytes);
    RETURN_IF_ERROR(
        source.Read(offset + at * dtype.bytes, absl::MakeSpan(bytes.data(), bytes.size())));
    for (size_t i = 0; i < count; ++i) out[at + i] = dtype.decode(bytes.data() + i * dtype.bytes);
  }
  return absl::OkStatus();
}

StoredTensor TensorAt(const std::shared_ptr<const ByteSource>& source, const Entry& entry,
                      uint64_t data_begin) {
  const uint64_t begin = data_begin + entry.begin;
  const Dtype* const dtype = entry.dtype;
  return {{entry.name, entry.shape}, [source, begin, dtype](int64_t first, absl::Span<float> out) {
            const uint64_t offset = begin + static_cast<uint64_t>(first) * dtype->bytes;
            if (dtype->decode == &FromFloat32) return ReadFloats(*source, offset, out);
            return ReadEncoded(*source, *dtype, offset, out);
          }};
}

}  // namespace

absl::StatusOr<StoredFile> OpenSafetensors(std::shared_ptr<const ByteSource> source) {
  uint64_t data_begin = 0;
  ASSIGN_OR_RETURN(const Json header, ReadHeader(*source, &data_begin));
  const uint64_t data_bytes = source->size() - data_begin;
  StoredFile file;
  std::vector<Entry> entries;
  for (const auto& [name, row] : header.items()) {
    if (name == kMetadataKey) {
      ASSIGN_OR_RETURN(file.metadata, ReadMetadata(row));
      continue;
    }
    Entry entry{.name = name};
    if (!row.is_object()) return Corrupt(absl::StrCat("tensor ", name, ": must be an object"));
    RETURN_IF_ERROR(ReadDtype(row, &entry));
    RETURN_IF_ERROR(ReadShape(row, data_bytes, &entry));
    RETURN_IF_ERROR(ReadRange(row, data_bytes, &entry));
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  RETURN_IF_ERROR(CheckCoverage(entries, data_bytes));
  for (const Entry& entry : entries) {
    if (entry.dtype->decode == nullptr) {
      file.others.push_back({entry.name, entry.dtype->name});
    } else {
      file.tensors.push_back(TensorAt(source, entry, data_begin));
    }
  }
  return file;
}

absl::StatusOr<TensorFile> ParseSafetensors(const std::string& bytes) {
  ASSIGN_OR_RETURN(StoredFile stored, OpenSafetensors(BytesInMemory(bytes)));
  TensorFile file{.metadata = std::move(stored.metadata), .others = std::move(stored.others)};
  ASSIGN_OR_RETURN(file.tensors, ReadTensors(stored.tensors));
  return file;
}

absl::StatusOr<StoredFile> InMemory(TensorFile file) {
  StoredFile stored{.metadata = std::move(file.metadata), .others = std::move(file.others)};
  ASSIGN_OR_RETURN(stored.tensors, InMemory(std::move(file.tensors)));
  return stored;
}

absl::StatusOr<std::string> SafetensorsHeader(const std::map<std::string, std::string>& metadata,
                                              const std::vector<TensorInfo>& tensors,
                                              ElementType type) {
  const Dtype& dtype = DtypeOf(type);
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[kMetadataKey] = metadata;
  std::set<std::string> names = {kMetadataKey};
  uint64_t at = 0;
  for (const TensorInfo& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("write safetensors: tensor ", tensor.name, " is there twice"));
    }
    const uint64_t end = at + static_cast<uint64_t>(tensor.elements()) * dtype.bytes;
    header[tensor.name] = {
        {"dtype", dtype.name}, {"shape", tensor.shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.append((kSizeBytes - text.size() % kSizeBytes) % kSizeBytes, ' ');  // aligns the data
  std::string bytes;
  AppendNumber<uint64_t>(text.size(), &bytes);
  bytes += text;
  return bytes;
}

absl::StatusOr<ByteStream> StreamSafetensors(const StoredFile& file, ElementType type) {
  const std::vector<TensorInfo> infos(file.tensors.begin(), file.tensors.end());
  ASSIGN_OR_RETURN(const std::string header, SafetensorsHeader(file.metadata, infos, type));
  const Dtype& dtype = DtypeOf(type);
  ByteStream stream{.size = header.size()};
  for (const TensorInfo& info : infos)
    stream.size += static_cast<uint64_t>(info.elements()) * dtype.bytes;
  stream.send = [header, tensors = file.tensors, encode = dtype.encode](const ByteSink& sink) {
    RETURN_IF_ERROR(sink(header));
    const ValueSink encoded = [&](absl::Span<const float> values) {
      return encode == nullptr ? sink(BytesOf(values)) : sink(Encode(values, encode));
    };
    for (const StoredTensor& tensor : tensors) RETURN_IF_ERROR(SendValues(tensor, encoded));
    return absl::OkStatus();
  };
  return stream;
}

absl::StatusOr<std::string> SerializeSafetensors(const TensorFile& file) {
  const auto stored = InMemory(file);
  RETURN_IF_ERROR(Annotate(stored.status(), "write safetensors"));
  ASSIGN_OR_RETURN(const ByteStream stream, StreamSafetensors(*stored));
  return Collect(stream);
}

absl::StatusOr<TensorFile> LoadSafetensors(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path, kMaxTensorFileBytes));
  auto file = ParseSafetensors(bytes);
  if (!file.ok()) return Annotate(file.status(), path);
  return file;
}

absl::Status SaveSafetensors(const std::string& path, const TensorFile& file) {
  ASSIGN_OR_RETURN(const std::string bytes, SerializeSafetensors(file));
  return WriteWholeFile(path, bytes);
}

}  // namespace edgetp
