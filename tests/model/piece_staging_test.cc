#include "worker/model/piece_staging.h"

#include <cstring>
#include <deque>
#include <stdexcept>

#include "tests/model/model_fixture.h"
#include "worker/model/parallel_context.h"

namespace edgetp::test {
namespace {

// Copies when it has to, and no earlier: whoever reads or lends memory before a copy is done finds
// other values there.
class LazyCopies final : public CopyEngine {
 public:
  // Of all engines of a test.
  struct Log {
    int started = 0, done = 0, failing = -1;
  };
  explicit LazyCopies(Log* log) : log_(log) {}
  ~LazyCopies() override { EXPECT_TRUE(waiting_.empty()) << "a copy outlived its exchange"; }

  uint64_t Start(void* to, const void* from, size_t bytes) override {
    waiting_.push_back({to, from, bytes});
    ++log_->started;
    return first_ + waiting_.size() - 1;
  }
  void Await(uint64_t copy) override {
    for (; first_ <= copy; ++first_, waiting_.pop_front(), ++log_->done) {
      const auto [to, from, bytes] = waiting_.front();
      if (log_->done == log_->failing) {
        log_->failing = -1;
        throw std::runtime_error("CUDA error: unspecified launch failure");
      }
      std::memcpy(to, from, bytes);
    }
  }

 private:
  struct Copy {
    void* to;
    const void* from;
    size_t bytes;
  };
  Log* const log_;
  std::deque<Copy> waiting_;
  uint64_t first_ = 0;  // number of the oldest that waits
};

PieceStaging::Pieces Floats(std::vector<float>& device, std::vector<float>& host) {
  return {.device = reinterpret_cast<std::byte*>(device.data()),
          .host = reinterpret_cast<std::byte*>(host.data()),
          .elements = static_cast<int64_t>(device.size()),
          .element_bytes = sizeof(float)};
}

TEST(PieceStagingTest, OnlyWhatIsAskedForIsAwaited) {
  LazyCopies::Log log;
  LazyCopies copies(&log);
  std::vector<float> device(300'000, 1), host(300'000, 7);
  {
    PieceStaging pieces(&copies, Floats(device, host));
    EXPECT_EQ(log.started, 3);  // 512 KiB each, the last one shorter
    EXPECT_TRUE(pieces.Fetch(1).ok());
    EXPECT_EQ(log.done, 1);
    EXPECT_EQ(host[0], 1);
    EXPECT_EQ(host[200'000], 7);
    EXPECT_TRUE(pieces.Fetch(131'072).ok());
    EXPECT_EQ(log.done, 1);
    EXPECT_TRUE(pieces.Fetch(131'073).ok());
    EXPECT_EQ(log.done, 2);
    host[5] = 3;
    EXPECT_TRUE(pieces.GiveBack(5, 6).ok());
    EXPECT_EQ(device[5], 1);
    EXPECT_TRUE(pieces.Finish().ok());
    EXPECT_EQ(device[5], 3);
  }
  EXPECT_EQ(log.done, log.started);
}

TEST(PieceStagingTest, ItsEndAwaitsAllCopies) {
  LazyCopies::Log log;
  LazyCopies copies(&log);
  std::vector<float> device(1000), host(1000);
  { PieceStaging pieces(&copies, Floats(device, host)); }
  EXPECT_EQ(log.done, 1);
}

TEST(PieceStagingTest, AHugeTensorHasFewPieces) {
  LazyCopies::Log log;
  LazyCopies copies(&log);
  std::vector<float> device(64 * 131'072 + 1), host(device.size());
  PieceStaging pieces(&copies, Floats(device, host));
  EXPECT_EQ(log.started, 64);
}

TEST(PieceStagingTest, PiecesAreOfBytesWhateverAnElementTakes) {
  LazyCopies::Log log;
  LazyCopies copies(&log);
  std::vector<uint16_t> device(300'000, 1), host(300'000, 7);
  PieceStaging pieces(&copies, {.device = reinterpret_cast<std::byte*>(device.data()),
                                .host = reinterpret_cast<std::byte*>(host.data()),
                                .elements = 300'000,
                                .element_bytes = sizeof(uint16_t)});
  EXPECT_EQ(log.started, 2);
  EXPECT_EQ(pieces.encoded(), reinterpret_cast<std::byte*>(host.data()));
  EXPECT_TRUE(pieces.Fetch(262'144).ok());
  EXPECT_EQ(log.done, 1);
  EXPECT_EQ(host[262'143], 1);
  EXPECT_EQ(host[262'144], 7);
}

TEST(PieceStagingTest, NothingHasNoCopies) {
  LazyCopies::Log log;
  LazyCopies copies(&log);
  std::vector<float> none;
  PieceStaging pieces(&copies, Floats(none, none));
  EXPECT_TRUE(pieces.Fetch(0).ok());
  EXPECT_TRUE(pieces.Finish().ok());
  EXPECT_EQ(log.started, 0);
}

std::unique_ptr<ParallelContext> ContextOf(Communicator* communicator, LazyCopies::Log* log) {
  return std::make_unique<ParallelContext>(communicator, Shard(),
                                           /*defers_weight_gradients=*/false,
                                           std::make_unique<LazyCopies>(log));
}

std::vector<std::unique_ptr<ParallelContext>> Contexts(ThreadGroup* threads,
                                                       std::vector<LazyCopies::Log>* logs) {
  std::vector<std::unique_ptr<ParallelContext>> contexts;
  for (int rank = 0; rank < threads->world_size(); ++rank)
    contexts.push_back(ContextOf(threads->member(rank), &(*logs)[rank]));
  return contexts;
}

// A group of one that meets nobody: what a value becomes on its way there and back.
class Mirror final : public Communicator {
 public:
  explicit Mirror(const std::string& wire) : wire_(*WireFormat::Parse(wire)) {}
  int rank() const override { return 0; }
  int world_size() const override { return 2; }
  WireFormat RoundsTo(const CollectiveTag&) const override { return wire_; }
  absl::Status AllReduce(const CollectiveTag&, absl::Span<float>) override {
    return absl::InternalError("not staged");
  }
  absl::Status AllReduceStaged(const CollectiveTag&, absl::Span<float> data,
                               Staging& staging) override {
    const auto elements = static_cast<int64_t>(data.size());
    if (absl::Status status = staging.Fetch(elements); !status.ok()) return status;
    arrived_.assign(staging.encoded(), staging.encoded() + wire_.WireBytes(elements));
    return staging.GiveBack(0, elements);
  }
  absl::Status Gather(const CollectiveTag&, absl::Span<const int64_t>, absl::Span<float>) override {
    return absl::OkStatus();
  }

  const std::vector<std::byte>& arrived() const { return arrived_; }

 private:
  const WireFormat wire_;
  std::vector<std::byte> arrived_;
};

// Halves of a step, ends of the range, what is too small and too large.
TEST(StagedContextTest, AnAcceleratorRoundsToTheBitsOfTheWireFormat) {
  const torch::Tensor values =
      torch::cat({torch::randn({5000}), 1e-6 * torch::randn({5000}), 1e5 * torch::randn({5000}),
                  torch::arange(-512, 512) / 256.0 + 1.0 / 512,
                  torch::tensor({0.0, -0.0, 65519.0, 65520.0, 1e-8, 3e38, 3.4e38, -3.4e38, 1e-41})})
          .to(torch::kFloat);
  for (const char* name : {"bf16", "fp16"}) {
    Mirror mirror(name);
    LazyCopies::Log log;
    const auto context = ContextOf(&mirror, &log);
    const torch::Tensor tensor = values.clone();
    context->AllReduce({}, tensor);
    const WireFormat wire = *WireFormat::Parse(name);
    std::vector<float> want(values.data_ptr<float>(), values.data_ptr<float>() + values.numel());
    std::vector<std::byte> encoded(wire.WireBytes(values.numel()));
    wire.Encode(want, encoded.data());
    EXPECT_TRUE(mirror.arrived() == encoded) << name;
    wire.Round(absl::MakeSpan(want));
    EXPECT_TRUE(tensor.equal(torch::tensor(want))) << name;
  }
}

// The first one's buffer is lent to the second: a copy that was under way still would spoil it.
TEST(StagedContextTest, SumsAreThoseOfTensorsInHostMemory) {
  ThreadGroup threads(2);
  std::vector<LazyCopies::Log> logs(2);
  const auto contexts = Contexts(&threads, &logs);
  threads.Run([&](int rank) {
    for (const int64_t elements : {200'000, 100'000, 1, 300'000}) {
      const torch::Tensor tensor = torch::full({elements}, rank + 1.0);
      contexts[rank]->AllReduce({}, tensor);
      EXPECT_TRUE(tensor.eq(3).all().item<bool>()) << elements;
    }
  });
}

TEST(StagedContextTest, ACopyThatFailsEndsTheStepWithItsCause) {
  ThreadGroup threads(1 + 1);
  std::vector<LazyCopies::Log> logs(2);
  logs[1].failing = 1;  // the copy back
  const auto contexts = Contexts(&threads, &logs);
  threads.Run([&](int rank) {
    const torch::Tensor tensor = torch::ones({10});
    if (rank == 0) return contexts[rank]->AllReduce({}, tensor);
    EXPECT_THROW(contexts[rank]->AllReduce({}, tensor), CollectiveError);
    EXPECT_EQ(contexts[rank]->status().code(), absl::StatusCode::kInternal);
    EXPECT_THROW(contexts[rank]->AllReduce({}, tensor), CollectiveError);
  });
}

}  // namespace
}  // namespace edgetp::test
