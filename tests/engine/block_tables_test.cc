#include "engine/block_tables.h"

#include <gtest/gtest.h>

#include <vector>

namespace ix::engine {
namespace {

using backend::kNoBlock;

backend::KvInfo info(std::vector<backend::KvGroupInfo> groups) {
  return {.tokens_per_block = 4,
          .groups = std::move(groups),
          .can_share = true,
          .can_copy = false,
          .bytes_per_token = 1};
}

std::vector<backend::BlockId> table(const BlockTables& tables, size_t group) {
  const auto span = tables.spans()[group];
  return {span.begin(), span.end()};
}

TEST(KvPool, GivesTheSmallestFreeBlock) {
  KvPool pool(3);
  EXPECT_EQ(pool.allocate(), 0);
  EXPECT_EQ(pool.allocate(), 1);
  pool.release(0);
  EXPECT_EQ(pool.allocate(), 0);
  EXPECT_EQ(pool.allocate(), 2);
  EXPECT_EQ(pool.allocate(), kNoBlock);
}

TEST(KvPool, FreesABlockWithItsLastReference) {
  KvPool pool(1);
  const auto block = pool.allocate();
  pool.retain(block);
  pool.release(block);
  EXPECT_EQ(pool.free_blocks(), 0);
  pool.release(block);
  EXPECT_EQ(pool.free_blocks(), 1);
}

TEST(KvPool, PromisesNoMoreThanItHas) {
  KvPool pool(5);
  EXPECT_TRUE(pool.try_commit(3));
  EXPECT_FALSE(pool.try_commit(3));
  EXPECT_TRUE(pool.try_commit(2));
  pool.uncommit(3);
  EXPECT_TRUE(pool.try_commit(3));
}

TEST(KvPools, RefusesAContextThatDoesNotFit) {
  const auto pools = KvPools::create(info({{.window = 0, .blocks = 4}}), 17, 8, 1);
  ASSERT_FALSE(pools.ok());
  EXPECT_EQ(pools.status().message(),
            "a context of 17 tokens needs 5 KV blocks of 4 tokens, but the backend has 4");
}

TEST(KvPools, CutsChunksToWhatAWindowedPoolHolds) {
  // 5 blocks of 4: a window of 8 and c rows see 7 + c positions, in at most (7 + c) / 4 + 1 blocks.
  const auto pools =
      KvPools::create(info({{.window = 0, .blocks = 100}, {.window = 8, .blocks = 5}}), 400, 64, 1);
  ASSERT_TRUE(pools.ok());
  EXPECT_EQ(pools->max_chunk(), 9);
  EXPECT_EQ(pools->blocks_needed(0, 400), 100);
  EXPECT_EQ(pools->blocks_needed(1, 400), 5);
  EXPECT_EQ(pools->blocks_needed(1, 5), 2);
}

TEST(KvPools, RefusesAWindowThatDoesNotFit) {
  const auto pools =
      KvPools::create(info({{.window = 0, .blocks = 100}, {.window = 8, .blocks = 2}}), 400, 64, 1);
  EXPECT_EQ(pools.status().message(),
            "2 KV blocks of 4 tokens are too few for a window of 8 tokens");
}

TEST(KvPools, CommitsInAllGroupsOrInNone) {
  auto pools =
      KvPools::create(info({{.window = 0, .blocks = 10}, {.window = 0, .blocks = 4}}), 16, 8, 1);
  ASSERT_TRUE(pools.ok());
  EXPECT_TRUE(pools->try_commit(12));
  EXPECT_FALSE(pools->try_commit(8));
  EXPECT_EQ(pools->pool(0).committed(), 3);
  EXPECT_EQ(pools->pool(1).committed(), 3);
}

TEST(BlockTables, GrowWithTheSequence) {
  auto pools = KvPools::create(info({{.window = 0, .blocks = 8}}), 32, 8, 1);
  ASSERT_TRUE(pools.ok());
  BlockTables tables(*pools);
  tables.prepare(0, 4);
  EXPECT_EQ(table(tables, 0), (std::vector{0}));
  tables.prepare(4, 1);
  EXPECT_EQ(table(tables, 0), (std::vector{0, 1}));
  tables.prepare(5, 8);
  EXPECT_EQ(table(tables, 0), (std::vector{0, 1, 2, 3}));
}

TEST(BlockTables, FreeBlocksThatLeftTheWindow) {
  auto pools = KvPools::create(info({{.window = 4, .blocks = 4}}), 32, 8, 1);
  ASSERT_TRUE(pools.ok());
  BlockTables tables(*pools);
  tables.prepare(0, 8);
  // The row at 6 sees 3 to 6: block 0 holds position 3.
  tables.prepare(6, 1);
  EXPECT_EQ(table(tables, 0), (std::vector{0, 1}));
  // The row at 7 sees 4 to 7.
  tables.prepare(7, 1);
  EXPECT_EQ(table(tables, 0), (std::vector{kNoBlock, 1}));
  EXPECT_EQ(pools->pool(0).free_blocks(), 3);
  tables.prepare(8, 1);
  EXPECT_EQ(table(tables, 0), (std::vector{kNoBlock, 1, 0}));
}

TEST(BlockTables, GiveTheirBlocksBack) {
  auto pools =
      KvPools::create(info({{.window = 0, .blocks = 8}, {.window = 4, .blocks = 5}}), 32, 8, 1);
  ASSERT_TRUE(pools.ok());
  {
    BlockTables tables(*pools);
    tables.prepare(0, 8);
    tables.prepare(8, 8);
    EXPECT_EQ(pools->pool(0).free_blocks(), 4);
  }
  EXPECT_EQ(pools->pool(0).free_blocks(), 8);
  EXPECT_EQ(pools->pool(1).free_blocks(), 5);
}

}  // namespace
}  // namespace ix::engine
