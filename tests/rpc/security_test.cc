// Rules of common/rpc/security.h that need no second process.
#include "common/rpc/security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "common/rpc/host.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

class SecurityRulesTest : public ::testing::Test {
 protected:
  absl::StatusOr<Security> WithToken(const std::string& contents) {
    std::ofstream(folder_ + "/token") << contents;
    return Security::Load({.token_file = folder_ + "/token"}, Role::kClient);
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST(LoopbackTest, OnlyAddressesOfThisMachineAreLoopback) {
  for (const char* own : {"127.0.0.1:1", "127.8.9.10:0", "[::1]:50051", "localhost:1"})
    EXPECT_TRUE(*IsLoopback(own)) << own;
  for (const char* other : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "server:1", "127.1:1",
                            "localhost.example.com:1", "worker-1.local:50051"})
    EXPECT_FALSE(*IsLoopback(other)) << other;
  EXPECT_FALSE(IsLoopback("50051").ok());
  EXPECT_FALSE(IsLoopback("127.0.0.1:1,0.0.0.0:2").ok());
}

TEST_F(SecurityRulesTest, ATokenIsLongPrintableAndNeverPartOfAMessage) {
  EXPECT_EQ(WithToken("0123456789abcdef\n")->token(), "0123456789abcdef");
  for (const std::string& bad : {std::string(), std::string("\n"), std::string("secret"),
                                 std::string("secret with blanks!"), std::string(2000, 's')}) {
    const absl::Status status = WithToken(bad).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(status.message()), HasSubstr("--token_file: " + folder_));
    EXPECT_EQ(std::string(status.message()).find("secret"), std::string::npos);
  }
}

TEST_F(SecurityRulesTest, OnlyTheClustersOwnTokenIsAdmitted) {
  const Security security = *WithToken("0123456789abcdef");
  const auto admit = [&](const std::string& token) {
    return security.Admit({{kTokenKey, token}}).code();
  };
  EXPECT_EQ(admit("0123456789abcdef"), absl::StatusCode::kOk);
  for (const char* other : {"", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg"})
    EXPECT_EQ(admit(other), absl::StatusCode::kUnauthenticated) << other;
  EXPECT_EQ(security.Admit({}).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(Security().Admit({}).ok()) << "no token, none wanted";
}

TEST_F(SecurityRulesTest, TlsAndInsecureContradict) {
  SecurityOptions options{.tls_ca = "a", .tls_cert = "b", .tls_key = "c", .insecure = true};
  EXPECT_THAT(std::string(Security::Load(options, Role::kServer).status().message()),
              HasSubstr("--insecure: contradicts"));
}

TEST_F(SecurityRulesTest, InsecureCoversMetricsAndInsecureMetricsNothingElse) {
  const Security all = *Security::Load({.insecure = true}, Role::kServer);
  EXPECT_TRUE(all.CheckListen("--listen", "0.0.0.0:1").ok());
  EXPECT_TRUE(all.CheckMetrics("0.0.0.0:1").ok());
  const Security metrics = *Security::Load({.insecure_metrics = true}, Role::kServer);
  EXPECT_FALSE(metrics.CheckListen("--listen", "0.0.0.0:1").ok());
  EXPECT_TRUE(metrics.CheckMetrics("0.0.0.0:1").ok());
}

TEST_F(SecurityRulesTest, ThePageListensBeyondLoopbackOnlyWithItsOwnFlag) {
  const absl::Status refused = Security().CheckPage("0.0.0.0:8080");
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("give --insecure_page"));
  EXPECT_TRUE(Security().CheckPage("127.0.0.1:8080").ok());
  const Security metrics = *Security::Load({.insecure_metrics = true}, Role::kServer);
  EXPECT_FALSE(metrics.CheckPage("0.0.0.0:8080").ok());
  const Security page = *Security::Load({.insecure_page = true}, Role::kServer);
  EXPECT_TRUE(page.CheckPage("0.0.0.0:8080").ok());
  EXPECT_FALSE(page.CheckMetrics("0.0.0.0:9464").ok());
  EXPECT_FALSE(page.CheckListen("--listen", "0.0.0.0:1").ok());
  EXPECT_TRUE(Security::Load({.insecure = true}, Role::kServer)->CheckPage("0.0.0.0:1").ok());
}

TEST_F(SecurityRulesTest, MetricsAreServedOverIpv4AndTheMessageSaysSo) {
  const absl::Status status = Security().CheckMetrics("[::1]:9464");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/metrics is served over IPv4 alone"));
}

}  // namespace
}  // namespace edgetp
