// Text that people type after a flag: quantities with units, addresses, links, overlap, and --set. The first
// byte chooses which.
#include <cmath>

#include "common/config/defaults.h"
#include "common/config/link_flags.h"
#include "common/config/override.h"
#include "common/config/units.h"
#include "common/plan/overlap.h"
#include "common/rpc/host.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

template <typename Value>
void ExpectFinite(const absl::StatusOr<Value>& value) {
  if (!value.ok()) return ExpectGoodError(value.status());
  FUZZ_EXPECT(std::isfinite(static_cast<double>(*value)) && *value >= 0);
}

void TryDelay(const std::string& text) {
  const auto delay = ParseDelay(text);
  if (!delay.ok()) return ExpectGoodError(delay.status());
  FUZZ_EXPECT(*delay >= absl::ZeroDuration() && *delay < absl::InfiniteDuration());
  FUZZ_EXPECT(!edgetp::FormatDuration(*delay).empty());
}

void TryLink(const std::string& text) {
  v1::LinkOverride link;
  if (const absl::Status status = ParseLinkName(text, &link); !status.ok())
    return ExpectGoodError(status);
  FUZZ_EXPECT(link.has_source() || link.has_destination());
  FUZZ_EXPECT(!link.has_source() || !link.has_destination() ||
              link.source() != link.destination());
}

void TryLinkFlags(const std::string& text) {
  v1::NetworkProfile network;
  const absl::Status status =
      ApplyLinkFlags({.delay = text, .jitter = text, .rate = text, .loss = text}, &network);
  if (status.ok()) return;
  ExpectGoodError(status);
  FUZZ_EXPECT(network.ByteSizeLong() == 0);
}

// What is accepted ends in a port that a socket takes as it is.
void TryAddress(const std::string& text) {
  if (const absl::Status status = CheckAddress(text); !status.ok()) return ExpectGoodError(status);
  const std::string port = text.substr(text.rfind(':') + 1);
  FUZZ_EXPECT(!port.empty() && port.size() <= 5 && std::stoi(port) <= 65535);
  FUZZ_EXPECT(IsLoopback(text).ok());
}

// What is accepted is printed as text that means the same, and cuts a batch into groups that have
// each sequence once.
void TryOverlap(const std::string& text) {
  const auto overlap = Overlap::Parse(text);
  if (!overlap.ok()) return ExpectGoodError(overlap.status());
  const auto again = Overlap::Parse(ToString(*overlap));
  FUZZ_EXPECT(again.ok() && again->kind == overlap->kind && again->rows == overlap->rows);
  const int batch = overlap->rows + static_cast<int>(text.size()) % 7;
  FUZZ_EXPECT(CheckRows(*overlap, batch).ok() && !CheckRows(*overlap, overlap->rows - 1).ok());
  int next = 0;
  for (int group = 0; group < overlap->rows; ++group) {
    const Range rows = RowsOfGroup(batch, overlap->rows, group);
    FUZZ_EXPECT(rows.begin == next && rows.size() >= 1);
    next = rows.end;
  }
  FUZZ_EXPECT(next == batch);
}

void TryOverride(const std::string& text) {
  v1::RunConfig config;
  FillDefaults(&config);
  const std::string before = config.SerializeAsString();
  if (const absl::Status status = ApplyOverride(text, &config); !status.ok()) {
    ExpectGoodError(status);
    FUZZ_EXPECT(config.SerializeAsString() == before);
  }
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  FuzzInput input(data, size);
  const uint8_t choice = input.Byte();
  const std::string text = input.Text();
  switch (choice) {
    case 'd':
      TryDelay(text);
      break;
    case 'r':
      ExpectFinite(ParseRate(text));
      break;
    case 'b':
      ExpectFinite(ParseBytes(text));
      break;
    case '%':
      ExpectFinite(ParsePercent(text));
      break;
    case '@':
      TryAddress(text);
      break;
    case 'l':
      TryLink(text);
      break;
    case 'o':
      TryOverlap(text);
      break;
    case 'f':
      TryLinkFlags(text);
      break;
    default:
      TryOverride(text);
  }
  return 0;
}
