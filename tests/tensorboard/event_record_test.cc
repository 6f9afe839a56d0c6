#include "common/tensorboard/event_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/tensorboard/crc32c.h"

namespace edgetp {
namespace {

// RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
TEST(Crc32cTest, KnownAnswers) {
  std::string rising, falling;
  for (char byte = 0; byte < 32; ++byte) {
    rising.push_back(byte);
    falling.insert(falling.begin(), byte);
  }
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(rising), 0x46dd794eu);
  EXPECT_EQ(Crc32c(falling), 0x113fdb5cu);
}

TEST(TfRecordTest, LengthAndBytesEachHaveTheirMaskedChecksum) {
  const std::string record = TfRecord("abc");
  ASSERT_EQ(record.size(), 8 + 4 + 3 + 4u);
  EXPECT_EQ(record.substr(0, 8), std::string("\x03\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(record.substr(12, 3), "abc");
}

TEST(TfRecordTest, ABitThatFlipsChangesAChecksum) {
  std::string bytes = "abc";
  const std::string record = TfRecord(bytes);
  bytes[1] ^= 4;
  EXPECT_NE(TfRecord(bytes).substr(15), record.substr(15));
}

}  // namespace
}  // namespace edgetp
