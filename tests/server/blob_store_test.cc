#include "server/blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/run_directory.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

v1::BlobHeader HeaderOf(const std::string& bytes) {
  v1::BlobHeader header;
  header.set_id(BlobIdOf(bytes));
  header.set_size_bytes(static_cast<int64_t>(bytes.size()));
  header.set_sha256(Sha256Hex(bytes));
  return header;
}

class BlobStoreTest : public ::testing::Test {
 protected:
  static absl::Status Put(BlobStore* store, const v1::BlobHeader& header,
                          const std::string& bytes) {
    const auto blob = store->Begin(header);
    if (!blob.ok()) return blob.status();
    if (absl::Status status = (*blob)->Append(bytes); !status.ok()) return status;
    return (*blob)->Commit();
  }
  int FilesStored() const {
    int files = 0;
    for (const auto& entry : fs::directory_iterator(runs_ + "/.blobs"))
      files += entry.is_regular_file() ? 1 : 0;
    return files;
  }

  const TemporaryFolder temporary_;
  const std::string runs_ = temporary_.path() + "/runs";
};

TEST(DigestTest, Sha256IsTheKnownOne) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(BlobStoreTest, WhatWasPutIsFoundByItsDigest) {
  BlobStore store(runs_, 100);
  ASSERT_TRUE(Put(&store, HeaderOf("hello"), "hello").ok());
  const auto path = store.Find(BlobIdOf("hello"));
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*Sha256HexOfFile(*path), Sha256Hex("hello"));
}

TEST_F(BlobStoreTest, TooFewOrTooManyOrOtherBytesLeaveNothingBehind) {
  BlobStore store(runs_, 100);
  for (const char* bytes : {"hell", "hello!", "hellO"}) {
    EXPECT_EQ(Put(&store, HeaderOf("hello"), bytes).code(), absl::StatusCode::kDataLoss) << bytes;
  }
  EXPECT_EQ(FilesStored(), 0);
  EXPECT_EQ(store.Find(BlobIdOf("hello")).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BlobStoreTest, AnIdThatIsNotTheDigestIsRefused) {
  BlobStore store(runs_, 100);
  v1::BlobHeader header = HeaderOf("hello");
  for (const std::string& id : {std::string("hello"), std::string("sha256:../../x"),
                                BlobIdOf("other"), std::string("checkpoint:../x/5"),
                                std::string("checkpoint:a"), std::string("checkpoint:a/-1")}) {
    header.set_id(id);
    EXPECT_EQ(store.Begin(header).status().code(), absl::StatusCode::kInvalidArgument) << id;
  }
  EXPECT_EQ(store.Find("sha256:../../x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store.Find("run:../x").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(BlobStoreTest, ABlobAboveTheLimitIsRefused) {
  BlobStore store(runs_, 4);
  EXPECT_EQ(Put(&store, HeaderOf("hello"), "hello").code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(BlobStoreTest, UploadsCountAsIfAllOfThemWereHere) {
  BlobStore store(runs_, 10);
  {
    const auto first = store.Begin(HeaderOf("hello!"));
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ(store.Begin(HeaderOf("world!")).status().code(),
              absl::StatusCode::kResourceExhausted);
  }
  EXPECT_TRUE(store.Begin(HeaderOf("world!")).ok()) << "the first was given up";
}

TEST_F(BlobStoreTest, WhatAKilledServerLeftOfAnUploadGoesAfterAnHour) {
  fs::create_directories(runs_ + "/.blobs");
  for (const char* name : {"old.1.0.tmp", "new.1.0.tmp"})
    std::ofstream(runs_ + "/.blobs/" + name) << "half";
  fs::last_write_time(runs_ + "/.blobs/old.1.0.tmp",
                      fs::file_time_type::clock::now() - std::chrono::hours(2));
  BlobStore store(runs_, 100);
  ASSERT_TRUE(Put(&store, HeaderOf("hello"), "hello").ok());
  EXPECT_FALSE(fs::exists(runs_ + "/.blobs/old.1.0.tmp"));
  EXPECT_TRUE(fs::exists(runs_ + "/.blobs/new.1.0.tmp"));
}

TEST_F(BlobStoreTest, BlobsOfAnEarlierServerMakeRoomAndThoseOfThisOneDoNot) {
  {
    BlobStore earlier(runs_, 10);
    ASSERT_TRUE(Put(&earlier, HeaderOf("earlier"), "earlier").ok());
  }
  BlobStore store(runs_, 10);
  ASSERT_TRUE(Put(&store, HeaderOf("hello"), "hello").ok());
  EXPECT_EQ(store.Find(BlobIdOf("earlier")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Put(&store, HeaderOf("another"), "another").code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(store.Find(BlobIdOf("hello")).ok());
}

TEST_F(BlobStoreTest, ACheckpointLandsInItsRunAndIsTheRunsNewest) {
  fs::create_directories(runs_ + "/a/checkpoints");
  BlobStore store(runs_, 100);
  v1::BlobHeader header = HeaderOf("weights");
  header.set_id("checkpoint:a/200");
  EXPECT_EQ(BlobStore::RunOfCheckpoint(header.id()), "a");
  ASSERT_TRUE(Put(&store, header, "weights").ok());
  EXPECT_EQ(*store.Find("run:a"), runs_ + "/a/checkpoints/step-000200.safetensors");
  EXPECT_EQ(*store.Find("checkpoint:a/200"), *store.Find("run:a"));
  EXPECT_EQ(store.Find("checkpoint:a/100").status().code(), absl::StatusCode::kNotFound);
}

class CheckpointStoreTest : public BlobStoreTest {
 protected:
  void SetUp() override {
    BlobStoreTest::SetUp();
    fs::create_directories(runs_ + "/a/checkpoints");
    store_.emplace(runs_, 1000);
  }
  absl::Status Save(int step, const std::string& job = "a") {
    const std::string bytes = absl::StrCat("weights of step ", step);
    v1::BlobHeader header = HeaderOf(bytes);
    header.set_id(absl::StrCat("checkpoint:", job, "/", step));
    return Put(&*store_, header, bytes);
  }
  std::string PathOf(int step) const { return CheckpointPath(CheckpointFolder(runs_, "a"), step); }

  std::optional<BlobStore> store_;
};

TEST_F(CheckpointStoreTest, TheTermsOfTheRunCountForItsManifests) {
  store_->SetCheckpointTerms("a", {.keep = 2, .corpus = "sha256:text"});
  for (const int step : {1, 2, 3}) ASSERT_TRUE(Save(step, "a#2").ok());
  EXPECT_FALSE(fs::exists(PathOf(1)));
  std::vector<std::string> passed_over;
  const auto newest = store_->FindCheckpoint("a", 3, &passed_over);
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ(newest->path, PathOf(2));
  EXPECT_EQ(newest->manifest.run, "a");
  EXPECT_EQ(newest->manifest.corpus, "sha256:text");
}

TEST_F(CheckpointStoreTest, OneThatHasChangedIsNeverServed) {
  ASSERT_TRUE(Save(1).ok() && Save(2).ok());
  EXPECT_EQ(*store_->Find("run:a"), PathOf(2));
  std::ofstream(PathOf(2)) << "weights of step 9";
  fs::last_write_time(PathOf(2), fs::file_time_type::clock::now() + std::chrono::seconds(5));
  EXPECT_EQ(*store_->Find("run:a"), PathOf(1));
  EXPECT_EQ(store_->Find("checkpoint:a/2").status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(CheckpointStoreTest, AFullDiskKeepsTheOneBefore) {
  ASSERT_TRUE(Save(1).ok());
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  getrlimit(RLIMIT_FSIZE, &before);
  for (const rlim_t bytes : {rlim_t{5}, rlim_t{20}}) {  // of the file, then of its manifest
    const rlimit full = {bytes, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
    EXPECT_FALSE(Save(2).ok()) << bytes;
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_EQ(*store_->Find("run:a"), PathOf(1));
    const fs::directory_iterator files(runs_ + "/a/checkpoints");
    EXPECT_EQ(std::distance(begin(files), end(files)), 2)
        << "what could not be saved takes no room";
  }
  signal(SIGXFSZ, handler);
  EXPECT_TRUE(Save(2).ok());
}

}  // namespace
}  // namespace edgetp
