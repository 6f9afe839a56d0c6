#include "worker/model/staging_pool.h"

#include <gtest/gtest.h>

namespace edgetp::test {
namespace {

TEST(StagingPoolTest, WhatCameBackIsLentAgain) {
  StagingPool pool(torch::kFloat);
  torch::Tensor first = pool.Take(10);
  const void* const memory = first.data_ptr();
  pool.Return(first);
  EXPECT_EQ(pool.Take(8).data_ptr(), memory);
  EXPECT_EQ(pool.free(), 0u);
}

TEST(StagingPoolTest, EachExchangeUnderWayHasABufferOfItsOwn) {
  StagingPool pool(torch::kFloat);
  const torch::Tensor first = pool.Take(10), second = pool.Take(10);
  EXPECT_NE(first.data_ptr(), second.data_ptr());
  pool.Return(first);
  pool.Return(second);
  EXPECT_EQ(pool.free(), 2u);
}

TEST(StagingPoolTest, TheSmallestThatFitsIsLent) {
  StagingPool pool(torch::kFloat);
  const torch::Tensor large = pool.Take(100), small = pool.Take(10);
  pool.Return(large);
  pool.Return(small);
  EXPECT_EQ(pool.Take(5).numel(), 10);
  EXPECT_EQ(pool.Take(5).numel(), 100);
}

TEST(StagingPoolTest, WhereNoneFitsALargerOneTakesTheLargestsPlace) {
  StagingPool pool(torch::kFloat);
  const torch::Tensor first = pool.Take(10), second = pool.Take(20);
  pool.Return(first);
  pool.Return(second);
  EXPECT_EQ(pool.Take(30).numel(), 30);
  EXPECT_EQ(pool.free(), 1u);
  EXPECT_EQ(pool.Take(1).numel(), 10);
}

}  // namespace
}  // namespace edgetp::test
