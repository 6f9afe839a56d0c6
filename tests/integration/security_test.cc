// TLS and token between real processes, with the test CA of scripts/make_test_ca.sh: who is
// admitted, who is refused, and with which words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/data/corpus.h"
#include "common/rpc/blobs.h"
#include "common/rpc/channel.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

using testing::HasSubstr;
using Arguments = std::vector<std::string>;

constexpr absl::Duration kLimit = absl::Seconds(60);
constexpr char kToken[] = "a-token-of-this-test-0123456789";

Arguments operator+(Arguments first, const Arguments& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

class SecurityTest : public TextFolderTest {
 protected:
  void SetUp() override {
    TextFolderTest::SetUp();
    MakeCa("ca", 365);
    std::ofstream(folder_ + "/token") << kToken << "\n";
    std::ofstream(folder_ + "/other_token") << "another-token-of-the-same-length\n";
  }

  void MakeCa(const std::string& name, int days) {
    const std::string command = absl::StrCat("\"" EDGETP_SOURCE_DIR "/scripts/make_test_ca.sh\" \"",
                                             folder_, "/", name, "\" ", days, " 2>/dev/null");
    ASSERT_EQ(std::system(command.c_str()), 0) << "openssl is needed";
  }
  static Arguments Tls(const std::string& who, const std::string& ca = "ca") {
    return {"--tls_ca=" + ca + "/ca.crt", "--tls_cert=" + ca + "/" + who + ".crt",
            "--tls_key=" + ca + "/" + who + ".key"};
  }
  static Arguments Token(const std::string& file = "token") { return {"--token_file=" + file}; }

  // A server on a free port; address_ is where.
  void StartServer(const Arguments& security) {
    server_.emplace(folder_, Arguments{"--listen=127.0.0.1:0", "--ready_file=address"} + security,
                    "edgetp_server");
    const absl::Time deadline = MonotonicNow() + absl::Seconds(30);
    while (ReadFile(folder_ + "/address").empty() && MonotonicNow() < deadline)
      absl::SleepFor(absl::Milliseconds(10));
    address_ = ReadFile(folder_ + "/address");
    ASSERT_NE(address_, "") << server_->Err();
    address_.pop_back();
  }
  std::string Server() const { return "--server=" + address_; }

  CommandResult Status(const Arguments& security) {
    return RunEdgetp(folder_, Arguments{"status", Server(), "--format=json"} + security, kLimit);
  }
  // A worker that gives up soon.
  CommandResult Worker(const Arguments& security) {
    return EdgetpCommand(folder_, Arguments{Server(), "--connect_seconds=1"} + security,
                         "edgetp_worker")
        .Wait(kLimit);
  }
  CommandResult Train(const Arguments& security) {
    return RunEdgetp(folder_,
                     Arguments{"train", Server(), "--data=text.txt", "--pattern=ts", "--workers=2",
                               "--steps=2", "--format=json"} +
                         TinyModel() + security,
                     kLimit);
  }

  std::optional<EdgetpCommand> server_;
  std::string address_;
};

TEST_F(SecurityTest, WithTheRightCertificatesAndTokenAClusterTrains) {
  StartServer(Tls("server") + Token());
  const Arguments worker = Arguments{Server()} + Tls("worker") + Token();
  EdgetpCommand first(folder_, worker, "edgetp_worker");
  EdgetpCommand second(folder_, worker, "edgetp_worker");
  const CommandResult result = Train(Tls("client") + Token());
  EXPECT_EQ(result.code, 0) << result.err << first.Err();
  const CommandResult health =
      RunEdgetp(folder_, Arguments{"health", address_} + Tls("client"), kLimit);
  EXPECT_EQ(health.code, 0) << health.err;
}

TEST_F(SecurityTest, TlsRefusesWhoHasNoCertificateOrOneOfAnotherCa) {
  MakeCa("other", 365);
  StartServer(Tls("server"));
  for (const Arguments& security : {Arguments{}, Tls("client", "other")}) {
    const CommandResult client = Status(security);
    EXPECT_EQ(client.code, 1) << client.out;
    EXPECT_THAT(client.err, HasSubstr("--tls_ca"));
  }
  for (const Arguments& security : {Arguments{}, Tls("worker", "other")}) {
    const CommandResult worker = Worker(security);
    EXPECT_EQ(worker.code, 1);
    EXPECT_THAT(worker.err, HasSubstr("join: no server at " + address_));
  }
  EXPECT_EQ(Status(Tls("client")).code, 0);
}

TEST_F(SecurityTest, ACertificateOfAnotherRoleEndsTheServerAtTheStart) {
  const CommandResult server =
      EdgetpCommand(folder_, Arguments{"--listen=127.0.0.1:0"} + Tls("worker"), "edgetp_server")
          .Wait(kLimit);
  EXPECT_EQ(server.code, 2);
  EXPECT_THAT(server.err, HasSubstr("server.edgetp is not among its DNS names"));
}

TEST_F(SecurityTest, ExpiredAndForeignCertificatesAndKeysEndAProgramAtTheStart) {
  MakeCa("expired", 0);
  MakeCa("other", 365);
  StartServer(Tls("server"));
  const Arguments mixed = {"--tls_ca=ca/ca.crt", "--tls_cert=other/worker.crt",
                           "--tls_key=other/worker.key"};
  const Arguments wrong_key = {"--tls_ca=ca/ca.crt", "--tls_cert=ca/worker.crt",
                               "--tls_key=ca/server.key"};
  const std::pair<Arguments, std::string> cases[] = {
      {Tls("worker", "expired"), "certificate has expired"},
      {mixed, "--tls_cert: other/worker.crt: "},
      {wrong_key, "--tls_key: ca/server.key: is not the key of the certificate"},
      {{"--tls_ca=ca/ca.crt"}, "--tls_cert: is missing"},
      {{"--tls_ca=no/ca.crt", "--tls_cert=a", "--tls_key=b"},
       "--tls_ca: read no/ca.crt: No such file"}};
  for (const auto& [security, words] : cases) {
    const CommandResult worker = Worker(security);
    EXPECT_EQ(worker.code, 2) << words;
    EXPECT_THAT(worker.err, HasSubstr(words));
  }
}

TEST_F(SecurityTest, WithoutTheTokenNobodyIsAdmittedAndTheErrorSaysWhatIsMissing) {
  StartServer(Token());
  const std::pair<Arguments, std::string> cases[] = {{{}, "none came with the call"},
                                                     {Token("other_token"), "is not this cluster"}};
  for (const auto& [security, words] : cases) {
    const CommandResult client = Status(security);
    EXPECT_EQ(client.code, 2);
    EXPECT_THAT(client.err, HasSubstr(words));
    const CommandResult worker = Worker(security);
    EXPECT_EQ(worker.code, 2);
    EXPECT_THAT(worker.err, HasSubstr(words));
  }
  EXPECT_EQ(Status(Token()).code, 0);
  EXPECT_EQ(RunEdgetp(folder_, {"health", address_}).code, 0) << "health needs no token";
  EXPECT_EQ(server_->Err().find(kToken), std::string::npos) << "the token was logged";
}

TEST_F(SecurityTest, NothingListensBeyondLoopbackUnlessToldTo) {
  const std::pair<std::string, Arguments> cases[] = {
      {"edgetp_server", {"--listen=0.0.0.0:0"}}, {"edgetp_server", {"--metrics=0.0.0.0:0"}},
      {"edgetp_server", {"--listen=[::]:0"}},    {"edgetp_worker", {"--listen=0.0.0.0:0"}},
      {"edgetp_worker", {"--status=0.0.0.0:0"}}, {"edgetp_worker", {"--metrics=0.0.0.0:0"}},
      {"edgetp", {"up", "--listen=0.0.0.0:0"}},  {"edgetp", {"up", "--metrics=0.0.0.0:0"}}};
  for (const auto& [program, arguments] : cases) {
    const CommandResult result = EdgetpCommand(folder_, arguments, program).Wait(kLimit);
    EXPECT_EQ(result.code, 2) << program << " " << arguments.back();
    EXPECT_THAT(result.err, HasSubstr("can be reached from other machines"));
    EXPECT_THAT(result.err, HasSubstr("--insecure"));
  }
  StartServer({"--metrics=0.0.0.0:0", "--insecure_metrics"});
}

TEST_F(SecurityTest, ATokenDoesNotTravelInClearTextToAnotherMachine) {
  const CommandResult client =
      RunEdgetp(folder_, {"status", "--server=192.0.2.1:1", "--token_file=token"});
  EXPECT_EQ(client.code, 2);
  EXPECT_THAT(client.err, HasSubstr("the token would travel there in clear text"));
}

TEST_F(SecurityTest, ALocalClusterIsClosedToOthersOfThisMachine) {
  EdgetpCommand train(folder_, Arguments{"train", "--data=text.txt", "--pattern=ts", "--workers=1",
                                         "--steps=100000"} +
                                   TinyModel());
  const absl::Time deadline = MonotonicNow() + absl::Seconds(30);
  std::string arguments;
  while (arguments.find("--server=") == std::string::npos && MonotonicNow() < deadline) {
    absl::SleepFor(absl::Milliseconds(10));
    for (const pid_t worker : train.Children("edgetp_worker"))
      arguments = ReadFile(absl::StrCat("/proc/", worker, "/cmdline"));
  }
  const size_t begin = arguments.find("--server=");
  ASSERT_NE(begin, std::string::npos) << train.Err();
  const std::string server = arguments.substr(begin, arguments.find('\0', begin) - begin);
  const CommandResult stranger = RunEdgetp(folder_, {"status", server});
  EXPECT_EQ(stranger.code, 2) << stranger.out;
  EXPECT_THAT(stranger.err, HasSubstr("none came with the call"));
}

// What a client submits by hand; `edgetp` itself writes where the corpus came from.
v1::SubmitRequest TinyJob(v1::Blobs::Stub* blobs, const std::string& data) {
  v1::SubmitRequest request;
  request.mutable_spec()->mutable_train();
  v1::RunConfig& config = *request.mutable_spec()->mutable_config();
  config.set_name("a");
  config.set_workers(1);
  config.set_pattern("tt");
  config.set_data(data);
  v1::ModelConfig& model = *config.mutable_model();
  model.set_name("tiny");
  model.set_layers(2);
  model.set_heads(2);
  model.set_channels(16);
  model.set_sequence(8);
  const auto corpus = Corpus::FromText(std::string(1000, 'a') + "b");
  model.set_vocabulary(corpus->vocabulary());
  config.mutable_train()->set_steps(2);
  const auto id = PutBlob(blobs, corpus->Serialize(), MonotonicNow() + absl::Seconds(10));
  EXPECT_TRUE(id.ok()) << id.status();
  if (id.ok()) request.mutable_spec()->set_corpus_blob(*id);
  return request;
}

TEST_F(SecurityTest, AFileThatAConfigNamesAsDataIsNeverOpened) {
  const std::string secret = folder_ + "/secret.txt";
  std::ofstream(secret) << "nobody reads this";
  StartServer({});
  EdgetpCommand worker(folder_, {Server()}, "edgetp_worker");
  const int watch = inotify_init1(IN_NONBLOCK);
  ASSERT_GE(inotify_add_watch(watch, secret.c_str(), IN_OPEN | IN_ACCESS), 0);
  const auto channel = MakeChannel(address_);
  const auto control = v1::Control::NewStub(channel);
  const auto blobs = v1::Blobs::NewStub(channel);
  grpc::ClientContext submit;
  v1::SubmitResponse submitted;
  const grpc::Status status = control->Submit(&submit, TinyJob(blobs.get(), secret), &submitted);
  ASSERT_TRUE(status.ok()) << status.error_message();
  grpc::ClientContext context;
  v1::WatchRequest request;
  request.set_run("a");
  const auto reader = control->Watch(&context, request);
  v1::RunEvent event;
  while (reader->Read(&event)) continue;
  EXPECT_EQ(event.summary().status(), "done") << event.summary().error();
  EXPECT_THAT(ReadFile(folder_ + "/runs/a/config.textproto"), HasSubstr(secret));
  char opened[1024];
  EXPECT_LT(read(watch, opened, sizeof(opened)), 0) << "somebody has opened it";
  close(watch);
}

}  // namespace
}  // namespace edgetp
