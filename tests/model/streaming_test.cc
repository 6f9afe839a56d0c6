// Full tensors pass by in pieces: nobody holds one that is large, let alone a model.
#include <algorithm>
#include <atomic>

#include "tests/data/tensor_collector.h"
#include "tests/model/model_fixture.h"
#include "worker/model/init.h"

namespace edgetp::test {
namespace {

// Its embedding has a fifth more values than a piece.
TrainerOptions WideOptions(int world_size, bool vocabulary_parallel) {
  TrainerOptions options = TinyOptions("t", world_size);
  options.shape.channels = 128;
  options.shape.vocabulary = static_cast<int>(kPieceElements / 128 * 6 / 5);
  options.vocabulary_parallel = vocabulary_parallel;
  return options;
}

// What is asked of tensors.
struct Reads {
  std::atomic<int64_t> values{0};
  std::atomic<int64_t> most_at_once{0};
};

std::vector<StoredTensor> Counted(std::vector<StoredTensor> tensors, Reads* reads) {
  for (StoredTensor& tensor : tensors) {
    tensor.read = [read = tensor.read, reads](int64_t first, absl::Span<float> out) {
      const auto count = static_cast<int64_t>(out.size());
      reads->values += count;
      reads->most_at_once = std::max<int64_t>(reads->most_at_once, count);
      return read(first, out);
    };
  }
  return tensors;
}

std::vector<StoredTensor> Initial(const TrainerOptions& options, uint64_t seed) {
  return InitialTensors(Gpt2Parameters(options.shape), options.shape, options.init, seed);
}

TEST(StreamingTest, InitialValuesAreTheSameFromAnyPlaceOn) {
  for (const InitKind init : {InitKind::kGpt2, InitKind::kTorch}) {
    TrainerOptions options = TinyOptions("t", 1);
    options.init = init;
    for (const StoredTensor& tensor : Initial(options, 7)) {
      const std::vector<float> whole = ReadTensor(tensor)->values;
      for (int64_t first = 0; first < std::min<int64_t>(tensor.elements(), 9); ++first) {
        std::vector<float> part(std::min<int64_t>(5, tensor.elements() - first));
        ASSERT_EQ(tensor.read(first, absl::MakeSpan(part)), absl::OkStatus());
        EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first)) << tensor.name;
      }
    }
  }
}

// Other than at the start, and back again: what is loaded is what is sent.
void ExpectPiecesOnTheWayInAndOut(int world_size, bool vocabulary_parallel) {
  const TrainerOptions options = WideOptions(world_size, vocabulary_parallel);
  TrainerGroup group(options, world_size);
  Reads reads;
  const std::vector<StoredTensor> other = Counted(Initial(options, 4711), &reads);
  int64_t elements = 0;
  for (const StoredTensor& tensor : other) elements += tensor.elements();
  std::vector<TensorCollector> collectors;
  for (int rank = 0; rank < world_size; ++rank) {
    EXPECT_EQ(group.trainer(rank).LoadWeights(other), absl::OkStatus());
    collectors.emplace_back(group.trainer(rank).ExportedTensors(false));
  }
  EXPECT_LE(reads.most_at_once, kPieceElements);
  if (vocabulary_parallel) {
    // Each rank has read its rows of the embedding, and the rest.
    EXPECT_LT(reads.values, elements + (world_size - 1) * elements / 8);
  }
  group.threads().Run([&](int rank) {
    EXPECT_EQ(group.trainer(rank).ExportWeights(false, collectors[rank].Sink()), absl::OkStatus());
  });
  EXPECT_LE(collectors[0].most_at_once(), static_cast<size_t>(kPieceElements));
  const std::vector<NamedTensor> exported = collectors[0].Take();
  for (const StoredTensor& want : other) {
    const auto got = std::find_if(exported.begin(), exported.end(),
                                  [&](const NamedTensor& each) { return each.name == want.name; });
    ASSERT_NE(got, exported.end()) << want.name;
    EXPECT_TRUE(got->values == ReadTensor(want)->values) << want.name;
  }
}

TEST(StreamingTest, ALargeEmbeddingPassesByInPieces) {
  ExpectPiecesOnTheWayInAndOut(1, false);
  ExpectPiecesOnTheWayInAndOut(2, false);
}

TEST(StreamingTest, ALargeEmbeddingOfWhichEachRankHasSomeRowsPassesByInPieces) {
  ExpectPiecesOnTheWayInAndOut(2, true);
  ExpectPiecesOnTheWayInAndOut(3, true);
}

// Columns of every rank in each piece.
TEST(StreamingTest, ALargeLinearOfWhichEachRankHasSomeColumnsPassesByInPieces) {
  TrainerOptions options = TinyOptions("t", 3);
  options.shape.channels = 1200;  // the MLP's first linear: 5.8 million values
  options.shape.heads = 4;
  TrainerGroup group(options, 3);
  const std::vector<NamedTensor> exported = group.Export();
  for (const StoredTensor& want : Initial(options, options.seed)) {
    const auto got = std::find_if(exported.begin(), exported.end(),
                                  [&](const NamedTensor& each) { return each.name == want.name; });
    ASSERT_NE(got, exported.end()) << want.name;
    EXPECT_TRUE(got->values == ReadTensor(want)->values) << want.name;
  }
}

TEST(StreamingTest, AReadingThatFailsIsTold) {
  const TrainerOptions options = TinyOptions("t", 1);
  TrainerGroup group(options, 1);
  const absl::Status gone = absl::UnavailableError("the server is gone");
  std::vector<StoredTensor> tensors = Initial(options, 1);
  tensors[3].read = [gone](int64_t, absl::Span<float>) { return gone; };
  EXPECT_EQ(group.trainer(0).LoadWeights(tensors), gone);
}

}  // namespace
}  // namespace edgetp::test
