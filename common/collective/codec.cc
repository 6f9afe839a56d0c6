#include "common/collective/codec.h"

#include <algorithm>
#include <array>
#include <bit>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/base/suggest.h"
#include "common/collective/codec_kernels.h"

namespace edgetp {
namespace {

// A group is what cannot be cut, and must fit into the smallest segments as into the largest.
constexpr int kSmallestGroup = 2;
constexpr int kLargestGroup = 4096;
constexpr absl::string_view kHadamard = "hadamard";

struct Row {
  const char* name;
  int bits;  // of a value
  int scale_bytes = 0;
  int group = 0;  // by default; 0: none
  bool fixed_group = false;
  const CodecKernel& kernel;
};

// Segment.wire_dtype is the row's number: new ones go to the end.
constexpr std::array<Row, 9> kRows = {{
    {.name = "fp32", .bits = 32, .kernel = kFp32Kernel},
    {.name = "bf16", .bits = 16, .kernel = kBf16Kernel},
    {.name = "fp16", .bits = 16, .kernel = kFp16Kernel},
    {.name = "fp8e4m3", .bits = 8, .scale_bytes = 2, .group = 256, .kernel = kFp8E4m3Kernel},
    {.name = "fp8e5m2", .bits = 8, .scale_bytes = 2, .group = 256, .kernel = kFp8E5m2Kernel},
    {.name = "int8", .bits = 8, .scale_bytes = 2, .group = 128, .kernel = kInt8Kernel},
    {.name = "int4", .bits = 4, .scale_bytes = 2, .group = 64, .kernel = kInt4Kernel},
    {.name = "mxfp8",
     .bits = 8,
     .scale_bytes = 1,
     .group = 32,
     .fixed_group = true,
     .kernel = kMxFp8Kernel},
    {.name = "mxfp4",
     .bits = 4,
     .scale_bytes = 1,
     .group = 32,
     .fixed_group = true,
     .kernel = kMxFp4Kernel},
}};

const Row& RowOf(int row) { return kRows[static_cast<size_t>(row)]; }

int64_t GroupBytes(const Row& row, int64_t elements) {
  return elements == 0 ? 0 : row.scale_bytes + (elements * row.bits + 7) / 8;
}

absl::Status Refused(absl::string_view text, const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("wire format \"", text, "\": ", why));
}

absl::StatusOr<int> ParseGroup(absl::string_view text, absl::string_view digits, const Row& row) {
  if (row.group == 0) return Refused(text, absl::StrCat(row.name, " has no groups"));
  if (row.fixed_group)
    return Refused(text, absl::StrCat("the group of ", row.name, " is always ", row.group));
  int group = 0;
  if (!absl::ConsumePrefix(&digits, "g") || !absl::SimpleAtoi(digits, &group))
    return Refused(text, absl::StrCat("a group is written as in ", row.name, ":g", row.group));
  if (group < kSmallestGroup || group > kLargestGroup) {
    return Refused(text, absl::StrCat("a group must be in [", kSmallestGroup, ", ", kLargestGroup,
                                      "] (got ", group, ")"));
  }
  return group;
}

absl::Status CheckHadamard(absl::string_view text, absl::string_view suffix, const Row& row,
                           int group) {
  if (suffix != kHadamard)
    return Refused(text, absl::StrCat("unknown suffix \"+", suffix, "\"; known: +", kHadamard));
  if (row.group == 0) return Refused(text, absl::StrCat(row.name, " has no groups to rotate"));
  if (std::has_single_bit(static_cast<unsigned>(group))) return absl::OkStatus();
  return Refused(text, absl::StrCat("+", kHadamard, " needs a group that is a power of two (got ",
                                    group, ")"));
}

// Of `text` before the first `separator`; `rest` is what follows it.
absl::string_view Before(absl::string_view text, char separator, absl::string_view* rest) {
  const size_t at = text.find(separator);
  *rest = at == absl::string_view::npos ? absl::string_view() : text.substr(at + 1);
  return text.substr(0, at);
}

}  // namespace

const std::vector<std::string>& WireFormat::Names() {
  static const auto* const kNames = [] {
    auto* const names = new std::vector<std::string>;
    for (const Row& row : kRows) names->push_back(row.name);
    return names;
  }();
  return *kNames;
}

absl::StatusOr<WireFormat> WireFormat::Parse(absl::string_view text) {
  absl::string_view suffix, group;
  const absl::string_view base = Before(text, '+', &suffix);
  const std::string name(Before(base, ':', &group));
  const auto found = std::find(Names().begin(), Names().end(), name);
  if (found == Names().end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("wire format: unknown name \"", name, "\"", KnownNames(name, Names())));
  }
  WireFormat format;
  format.row_ = static_cast<int>(found - Names().begin());
  const Row& row = RowOf(format.row_);
  format.group_ = row.group;
  if (absl::StrContains(base, ':')) {
    ASSIGN_OR_RETURN(format.group_, ParseGroup(text, group, row));
  }
  format.hadamard_ = absl::StrContains(text, '+');
  if (format.hadamard_) RETURN_IF_ERROR(CheckHadamard(text, suffix, row, format.group_));
  return format;
}

std::string WireFormat::name() const {
  const Row& row = RowOf(row_);
  return absl::StrCat(row.name, group_ == row.group ? "" : absl::StrCat(":g", group_),
                      hadamard_ ? absl::StrCat("+", kHadamard) : "");
}

uint32_t WireFormat::wire_id() const {
  return static_cast<uint32_t>(row_ | group_ << 8 | (hadamard_ ? 1 << 24 : 0));
}

bool WireFormat::identity() const { return RowOf(row_).bits == 32; }

bool WireFormat::elementwise() const { return group_ == 0; }

int WireFormat::bits() const { return RowOf(row_).bits; }

int64_t WireFormat::WireBytes(int64_t elements) const {
  const Row& row = RowOf(row_);
  if (elementwise()) return GroupBytes(row, elements);
  return elements / group_ * GroupBytes(row, group_) + GroupBytes(row, elements % group_);
}

void WireFormat::Encode(absl::Span<const float> in, std::byte* out) const {
  const CodecKernel& kernel = RowOf(row_).kernel;
  if (elementwise()) return kernel.encode(in.data(), in.size(), out);
  for (; !in.empty(); in.remove_prefix(std::min<size_t>(in.size(), group_))) {
    kernel.encode(in.data(), std::min<size_t>(in.size(), group_), out);
    out += WireBytes(group_);
  }
}

void WireFormat::Decode(const std::byte* in, absl::Span<float> out) const {
  const CodecKernel& kernel = RowOf(row_).kernel;
  if (elementwise()) return kernel.decode(in, out.size(), out.data());
  for (; !out.empty(); out.remove_prefix(std::min<size_t>(out.size(), group_))) {
    kernel.decode(in, std::min<size_t>(out.size(), group_), out.data());
    in += WireBytes(group_);
  }
}

void WireFormat::DecodeAdd(const std::byte* in, absl::Span<float> out) const {
  const CodecKernel& kernel = RowOf(row_).kernel;
  if (elementwise()) return kernel.decode_add(in, out.size(), out.data());
  for (; !out.empty(); out.remove_prefix(std::min<size_t>(out.size(), group_))) {
    kernel.decode_add(in, std::min<size_t>(out.size(), group_), out.data());
    in += WireBytes(group_);
  }
}

// In pieces that stay in cache.
void WireFormat::Round(absl::Span<float> values) const {
  const CodecKernel& kernel = RowOf(row_).kernel;
  if (identity()) return;
  if (kernel.round != nullptr) return kernel.round(values.data(), values.size());
  constexpr size_t kPiece = kLargestGroup;
  std::array<std::byte, kPiece * sizeof(float)> wire;
  const size_t piece = kPiece / granule() * granule();
  for (; !values.empty(); values.remove_prefix(std::min(values.size(), piece))) {
    const absl::Span<float> some = values.subspan(0, piece);
    Encode(some, wire.data());
    Decode(wire.data(), some);
  }
}

}  // namespace edgetp
