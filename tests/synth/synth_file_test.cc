#include "synth/synth_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gguf/gguf_file.h"
#include "support/temp_dir.h"

namespace ix::synth {
namespace {

using ix::testing::TempDir;
using ::testing::HasSubstr;

constexpr auto kGoOn = [](int64_t /*done*/, int64_t /*total*/) { return true; };

Shape small_shape() {
  Shape shape = *find_shape("tinyllama-1.1b");
  shape.name = "small";
  shape.layers = 2;
  shape.width = 256;
  shape.heads = 4;
  shape.kv_heads = 2;
  shape.ffn_width = 512;
  shape.vocab_size = 400;
  return shape;
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

uint64_t bytes_on_disk(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

class SynthFile : public ::testing::Test {
 protected:
  std::string write(const char* name, const Shape& shape, const SynthOptions& options = {}) {
    const std::string path = dir_.path(name);
    const Status status = write_synthetic(shape, path, options, kGoOn);
    EXPECT_TRUE(status.ok()) << status.message();
    return path;
  }

  const TempDir dir_;
};

TEST_F(SynthFile, HasTheSameBytesForTheSameSeed) {
  const std::string first = bytes_of(write("a.gguf", small_shape(), {.seed = 7}));
  EXPECT_EQ(first, bytes_of(write("b.gguf", small_shape(), {.seed = 7})));
  EXPECT_NE(first, bytes_of(write("c.gguf", small_shape(), {.seed = 8})));
  EXPECT_NE(first, bytes_of(write("d.gguf", small_shape(), {.seed = 7 + (uint64_t{1} << 32)})));
}

TEST_F(SynthFile, GivesATensorTheSameBytesWhateverElseIsFilled) {
  const auto dense = *gguf::GgufFile::open(write("dense.gguf", small_shape()));
  const auto sparse = *gguf::GgufFile::open(write(
      "sparse.gguf", small_shape(), {.sparse = true, .fill = {"blk.1.attn_?.weight", "output*"}}));
  ASSERT_EQ(sparse->tensors().size(), dense->tensors().size());
  std::vector<std::string> filled;
  for (const quant::TensorView& tensor : sparse->tensors()) {
    const auto same = dense->find(tensor.name);
    ASSERT_TRUE(same.ok());
    EXPECT_EQ(same->type, tensor.type);
    EXPECT_EQ(same->dims, tensor.dims);
    const bool zero =
        std::ranges::all_of(tensor.bytes, [](std::byte b) { return b == std::byte{0}; });
    if (zero) continue;
    EXPECT_TRUE(std::ranges::equal(same->bytes, tensor.bytes)) << tensor.name;
    filled.emplace_back(tensor.name);
  }
  EXPECT_THAT(filled,
              ::testing::UnorderedElementsAre(
                  "blk.1.attn_q.weight", "blk.1.attn_k.weight", "blk.1.attn_v.weight",
                  "output.weight", "output_norm.weight", "blk.0.attn_norm.weight",
                  "blk.0.ffn_norm.weight", "blk.1.attn_norm.weight", "blk.1.ffn_norm.weight"));
}

TEST_F(SynthFile, OfTwoTensorsOfOneShapeAndTypeDiffers) {
  const auto file = *gguf::GgufFile::open(write("m.gguf", small_shape()));
  EXPECT_FALSE(std::ranges::equal(file->find("blk.0.ffn_gate.weight")->bytes,
                                  file->find("blk.0.ffn_up.weight")->bytes));
  EXPECT_FALSE(std::ranges::equal(file->find("blk.0.ffn_up.weight")->bytes,
                                  file->find("blk.1.ffn_up.weight")->bytes));
}

// 4.9 GB of which 128,256 tokens, 65 norms and one tensor are on the disk.
TEST_F(SynthFile, TakesNoDiskWhereItIsSparse) {
  const std::string path = write("8b.gguf", *find_shape("llama-3.1-8b"),
                                 {.sparse = true, .fill = {"blk.31.attn_k.weight"}});
  EXPECT_GT(std::filesystem::file_size(path), 4'900'000'000U);
  const uint64_t vocabulary = 128256 * (8 + 10 + 4 + 4);  // length, text, score, type
  const uint64_t norms = 65 * (16384 + 4096);
  const uint64_t filled = uint64_t{1024} * 4096 / 256 * 144;
  EXPECT_LT(bytes_on_disk(path), vocabulary + norms + filled + (1U << 20));
  EXPECT_GT(bytes_on_disk(path), filled);
}

TEST_F(SynthFile, CountsWhatItWrites) {
  std::vector<int64_t> done;
  int64_t of = 0;
  const auto note = [&](int64_t now, int64_t total) {
    done.push_back(now);
    of = total;
    return true;
  };
  ASSERT_TRUE(write_synthetic(small_shape(), dir_.path("m.gguf"),
                              {.sparse = true, .fill = {"output.weight"}}, note)
                  .ok());
  EXPECT_EQ(of, 400 * 210 + 5 * 256 * 4);
  EXPECT_EQ(done.back(), of);
  EXPECT_TRUE(std::ranges::is_sorted(done));
}

TEST_F(SynthFile, LeavesNothingBehindWhenItIsStopped) {
  const auto stop = [](int64_t done, int64_t /*total*/) { return done < 100'000; };
  const Status status = write_synthetic(small_shape(), dir_.path("m.gguf"), {}, stop);
  EXPECT_EQ(status.code(), StatusCode::cancelled);
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(SynthFile, RefusesAPatternThatNamesNothing) {
  const Status status = write_synthetic(small_shape(), dir_.path("m.gguf"),
                                        {.sparse = true, .fill = {"blk.2.*"}}, kGoOn);
  EXPECT_EQ(status.code(), StatusCode::invalid_argument);
  EXPECT_THAT(status.message(), HasSubstr("'blk.2.*' names no tensor"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

}  // namespace
}  // namespace ix::synth
