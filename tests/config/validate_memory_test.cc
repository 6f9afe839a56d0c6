// The rules of a run's `memory`, and what becomes of it in plans.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/convert.h"
#include "common/config/validate.h"
#include "tests/config/complete_run.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

v1::RunConfig RunWith(const std::vector<std::string>& overrides) {
  return CompleteRunOf({"model.layers=4", "model.heads=4", "model.channels=128",
                        "model.sequence=64", "model.vocabulary=65", "pattern=sppp"},
                       overrides);
}

TEST(ValidateMemoryTest, EachFieldHasItsRule) {
  for (const auto& [overrides, rule] :
       std::vector<std::pair<std::vector<std::string>, const char*>>{
           {{"memory.loss_rows=-1"}, "memory.loss_rows: must be at least 0 (all) (got -1)"},
           {{"memory.precision=fp16"}, "memory.precision: must be fp32, tf32 or bf16 (got fp16)"},
           {{"memory.recompute=true", "parallel.overlap=ROWS(2)"},
            "memory.recompute: must be false with overlap ROWS(2)"}}) {
    const absl::Status status = ValidateRun(RunWith(overrides), "run");
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("run: ") + rule));
  }
  for (const char* sound : {"memory.loss_rows=0", "memory.precision=bf16", "memory.precision=tf32",
                            "parallel.overlap=dw"})
    EXPECT_EQ(ValidateRun(RunWith({"memory.recompute=true", sound}), "run"), absl::OkStatus());
}

TEST(ValidateMemoryTest, PlansKnowWhatIsKept) {
  const PlanOptions plain = ToPlanOptions(RunWith({})).value();
  EXPECT_EQ(plain.recompute, Recompute::kNone);
  EXPECT_FALSE(plain.loss_rows.has_value());
  EXPECT_FALSE(plain.dropout);
  const PlanOptions options =
      ToPlanOptions(RunWith({"memory.recompute=true", "memory.loss_rows=7", "model.dropout=0.1"}))
          .value();
  EXPECT_EQ(options.recompute, Recompute::kStages);
  EXPECT_EQ(options.loss_rows, 7);
  EXPECT_TRUE(options.dropout);
}

}  // namespace
}  // namespace edgetp
