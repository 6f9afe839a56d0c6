// What a file is said to be by its first bytes, and how files are read.
#include "common/base/file_kind.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/base/files.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

std::string Kind(const std::string& start) { return RecogniseFile(start).description; }

TEST(FileKindTest, WhatPeopleGiveIsRecognised) {
  EXPECT_THAT(Kind("PK\3\4archive/data.pkl"), HasSubstr("as torch.save writes it"));
  EXPECT_THAT(Kind("\x80\2}q"), HasSubstr("Python pickle"));
  EXPECT_THAT(Kind("version https://git-lfs.github.com/spec/v1\n"), HasSubstr("Git LFS pointer"));
  EXPECT_THAT(Kind("\n<!DOCTYPE html><html>"), HasSubstr("HTML"));
  EXPECT_THAT(Kind("<?xml version=\"1.0\"?>"), HasSubstr("XML"));
  EXPECT_EQ(Kind("{\"weight_map\": {}}"), kJson);
  EXPECT_EQ(Kind("0\n0\n13\n"), kTrace);
  EXPECT_EQ(Kind("1\r\n2\r\n"), kTrace);
  EXPECT_THAT(Kind("\x1f\x8b\x08"), HasSubstr("gzip"));
  EXPECT_THAT(Kind("GGUF\3"), HasSubstr("GGUF"));
  EXPECT_EQ(Kind(std::string("\x80\2\0\0\0\0\0\0{\"a\":", 13)), kSafetensors);
}

TEST(FileKindTest, TextAndTextprotoAreNothingInParticular) {
  for (const char* text :
       {"", "To be, or not to be", "link { delay_us: 5 }", "# a comment", "12\nApples\n", "7\n"})
    EXPECT_EQ(Kind(text), "") << text;
}

TEST(FileKindTest, WhatTorchSavedComesWithTheLineThatConvertsIt) {
  EXPECT_TRUE(RecogniseFile("PK\3\4").torch);
  EXPECT_THAT(TorchConversion("out/ckpt.pt"), HasSubstr("torch.load('out/ckpt.pt'"));
  EXPECT_THAT(TorchConversion("out/ckpt.pt"), HasSubstr("'out/ckpt.safetensors'"));
}

TEST(FilesTest, AFolderIsAnErrorAndNoFile) {
  for (const auto& read : {ReadWholeFile, ReadFileStart}) {
    const absl::Status status = read(::testing::TempDir(), 100).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("this is a folder, a file is wanted"));
  }
}

TEST(FilesTest, TheLimitIsThatOfTheFileAndTheStartIsItsFirstBytes) {
  const std::string path = ::testing::TempDir() + "/files_test";
  ASSERT_TRUE(WriteWholeFile(path, "12345").ok());
  EXPECT_EQ(ReadWholeFile(path, 5).value(), "12345");
  EXPECT_THAT(std::string(ReadWholeFile(path, 4).status().message()),
              HasSubstr("larger than 4 bytes"));
  EXPECT_EQ(ReadFileStart(path, 3).value(), "123");
  EXPECT_EQ(ReadFileStart(path, uint64_t{1} << 40).value(), "12345");
  std::filesystem::remove(path);
  EXPECT_EQ(ReadWholeFile(path, 5).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace edgetp
