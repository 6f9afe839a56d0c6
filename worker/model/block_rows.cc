// How each letter's block is made: a declaration and a row for each.
#include <stdexcept>
#include <utility>

#include "worker/model/block.h"

namespace edgetp {

std::unique_ptr<Block> MakeBlockT(BlockParts parts);
std::unique_ptr<Block> MakeBlockS(BlockParts parts);
std::unique_ptr<Block> MakeBlockP(BlockParts parts);
std::unique_ptr<Block> MakeBlockG(BlockParts parts);
std::unique_ptr<Block> MakeBlockD(BlockParts parts);
std::unique_ptr<Block> MakeBlockTDelayed(BlockParts parts);
std::unique_ptr<Block> MakeBlockTPartial(BlockParts parts);

namespace {

struct BlockRow {
  BlockKind kind;
  std::unique_ptr<Block> (*make)(BlockParts);
};

constexpr BlockRow kBlockRows[] = {
    {BlockKind::kTensorParallel, &MakeBlockT}, {BlockKind::kSyncDrop, &MakeBlockS},
    {BlockKind::kParallel, &MakeBlockP},       {BlockKind::kOneNorm, &MakeBlockG},
    {BlockKind::kLadder, &MakeBlockT},         {BlockKind::kDesync, &MakeBlockD},
    {BlockKind::kDelayed, &MakeBlockTDelayed}, {BlockKind::kPartial, &MakeBlockTPartial},
};

}  // namespace

std::unique_ptr<Block> MakeBlock(BlockParts parts) {
  for (const BlockRow& row : kBlockRows) {
    if (row.kind == parts.place.kind) return row.make(std::move(parts));
  }
  throw std::logic_error("a block letter without a row in block_rows.cc");
}

}  // namespace edgetp
