// Who may open a stream to a worker: token and certificates between two endpoints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "tests/temporary_folder.h"
#include "worker/transport/peer_group.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class PeerSecurityTest : public ::testing::Test {
 protected:
  Security Token(const std::string& token) {
    std::ofstream(folder_ + "/token") << token;
    return *Security::Load({.token_file = folder_ + "/token"}, Role::kWorker);
  }
  // `who` of a CA that is made at the first use.
  Security Tls(const std::string& ca, const std::string& who, Role role) {
    const std::string directory = folder_ + "/" + ca;
    if (!fs::exists(directory)) {
      const std::string command = absl::StrCat(
          "\"" EDGETP_SOURCE_DIR "/scripts/make_test_ca.sh\" \"", directory, "\" 2>/dev/null");
      EXPECT_EQ(std::system(command.c_str()), 0) << "openssl is needed";
    }
    const std::string stem = directory + "/" + who;
    const auto security = Security::Load(
        {.tls_ca = directory + "/ca.crt", .tls_cert = stem + ".crt", .tls_key = stem + ".key"},
        role);
    EXPECT_TRUE(security.ok()) << security.status();
    return *security;
  }

  // What rank 0, which dials, and rank 1 make of one another.
  static std::vector<absl::Status> Connect(const Security& dialling, const Security& dialled) {
    std::unique_ptr<PeerEndpoint> endpoints[] = {*PeerEndpoint::Create("127.0.0.1:0", dialling),
                                                 *PeerEndpoint::Create("127.0.0.1:0", dialled)};
    std::vector<absl::Status> results(2);
    std::vector<std::thread> ranks;
    for (int rank = 0; rank < 2; ++rank) {
      ranks.emplace_back([&, rank] {
        PeerGroupOptions options;
        options.job = "job";
        options.rank = rank;
        options.members = {{endpoints[0]->address(), "clock"}, {endpoints[1]->address(), "clock"}};
        PeerGroup group(endpoints[rank].get(), options);
        results[rank] = group.Connect(MonotonicNow() + absl::Seconds(2));
      });
    }
    for (std::thread& rank : ranks) rank.join();
    return results;
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(PeerSecurityTest, PeersOfOneClusterConnect) {
  const Security token = Token("the-token-of-this-cluster");
  for (const Security& security : {Security(), token, Tls("ca", "worker", Role::kWorker)}) {
    for (const absl::Status& status : Connect(security, security))
      EXPECT_TRUE(status.ok()) << status;
  }
}

TEST_F(PeerSecurityTest, APeerWithoutTheTokenIsRefusedAndToldWhatIsMissing) {
  const Security own = Token("the-token-of-this-cluster");
  const Security other = Token("the-token-of-that-cluster");
  for (const Security& stranger : {Security(), other}) {
    const absl::Status refused = Connect(stranger, own)[0];
    EXPECT_EQ(refused.code(), absl::StatusCode::kUnauthenticated) << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("peer=1"));
    EXPECT_THAT(std::string(refused.message()), HasSubstr("--token_file"));
  }
}

TEST_F(PeerSecurityTest, APeerOfAnotherCaIsRefusedAndTheErrorNamesIt) {
  const Security own = Tls("ca", "worker", Role::kWorker);
  const std::vector<absl::Status> results = Connect(own, Tls("other", "worker", Role::kWorker));
  EXPECT_EQ(results[0].code(), absl::StatusCode::kDeadlineExceeded) << results[0];
  EXPECT_THAT(std::string(results[0].message()), HasSubstr("): peer=1: "));
  EXPECT_FALSE(results[1].ok());
}

TEST_F(PeerSecurityTest, APeerWithoutACertificateIsRefused) {
  const Security own = Tls("ca", "worker", Role::kWorker);
  for (const absl::Status& status : Connect(Security(), own)) EXPECT_FALSE(status.ok());
}

TEST_F(PeerSecurityTest, TheServersCertificateDoesNotPassForAWorkers) {
  const Security own = Tls("ca", "worker", Role::kWorker);
  const std::vector<absl::Status> results = Connect(own, Tls("ca", "server", Role::kServer));
  EXPECT_FALSE(results[0].ok());
  EXPECT_THAT(std::string(results[0].message()), HasSubstr("peer=1"));
}

}  // namespace
}  // namespace edgetp
