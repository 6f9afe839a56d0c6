#include "worker/model/deferred_products.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace edgetp {
namespace {

TEST(DeferredProductsTest, WithoutDeferringAProductRunsAtOnce) {
  DeferredProducts products(false);
  int runs = 0;
  products.Do([&] { ++runs; });
  EXPECT_EQ(runs, 1);
  products.Run();
  EXPECT_EQ(runs, 1);
}

TEST(DeferredProductsTest, DeferredProductsRunOnceInTheOrderInWhichTheyCame) {
  DeferredProducts products(true);
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) products.Do([&order, i] { order.push_back(i); });
  EXPECT_TRUE(order.empty());
  products.Run();
  products.Run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_TRUE(products.empty());
}

TEST(DeferredProductsTest, WhatIsDroppedAndWhatFollowsAFailureNeverRuns) {
  DeferredProducts products(true);
  int runs = 0;
  products.Do([&] { ++runs; });
  products.Drop();
  products.Do([] { throw std::runtime_error("out of memory"); });
  products.Do([&] { ++runs; });
  EXPECT_THROW(products.Run(), std::runtime_error);
  products.Run();
  EXPECT_EQ(runs, 0);
}

}  // namespace
}  // namespace edgetp
