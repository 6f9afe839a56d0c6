#include "common/tensorboard/event_record.h"

#include <cstdint>

#include "common/tensorboard/crc32c.h"

namespace edgetp {
namespace {

void AppendLittleEndian(uint64_t value, int bytes, std::string* out) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<char>(value >> (8 * i) & 0xff));
}

// Checksums that are stored beside what they are of are masked: the checksum of bytes that hold
// their own checksum would be of little use.
uint32_t MaskedCrc32c(absl::string_view bytes) {
  constexpr uint32_t kDelta = 0xa282ead8;
  const uint32_t crc = Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + kDelta;
}

}  // namespace

std::string TfRecord(absl::string_view bytes) {
  std::string record;
  record.reserve(bytes.size() + 16);
  AppendLittleEndian(bytes.size(), 8, &record);
  AppendLittleEndian(MaskedCrc32c(record), 4, &record);
  record.append(bytes.data(), bytes.size());
  AppendLittleEndian(MaskedCrc32c(bytes), 4, &record);
  return record;
}

std::string EventRecord(const tensorboard::Event& event) {
  return TfRecord(event.SerializeAsString());
}

}  // namespace edgetp
