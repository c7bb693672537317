#include "gguf/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "gguf/gguf_file.h"
#include "support/temp_dir.h"

namespace ix::gguf {
namespace {

using ix::testing::TempDir;
using quant::TensorType;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Tensor {
  std::string name;
  TensorType type = TensorType::f32;
  std::vector<int64_t> dims;
  std::vector<std::byte> bytes;
};

constexpr TensorType kTypes[] = {TensorType::f32,  TensorType::f16,  TensorType::q4_0,
                                 TensorType::q4_k, TensorType::q6_k, TensorType::iq4_xs};

// Each type that RapidCheck generates costs seconds to compile: there are few, cut to others.
int64_t any_number(int64_t low, int64_t high) { return *rc::gen::inRange(low, high); }

template <typename T, size_t kCount>
T any_of(const T (&values)[kCount]) {
  return values[any_number(0, kCount)];
}

Tensor any_tensor(size_t number) {
  Tensor tensor;
  tensor.name = std::to_string(number).append(".weight");
  tensor.type = any_of(kTypes);
  tensor.dims = {quant::find_traits(tensor.type)->block_weights * any_number(1, 4)};
  const int64_t more = any_number(0, 4);
  for (int64_t i = 0; i < more; ++i) tensor.dims.push_back(any_number(1, 4));
  int64_t size = quant::row_bytes(tensor.type, tensor.dims[0]).value();
  for (size_t i = 1; i < tensor.dims.size(); ++i) size *= tensor.dims[i];
  tensor.bytes.resize(static_cast<size_t>(size));
  auto state = static_cast<uint32_t>(*rc::gen::arbitrary<int64_t>());
  for (std::byte& byte : tensor.bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::byte>(state >> 24);
  }
  return tensor;
}

std::vector<Tensor> any_tensors() {
  std::vector<Tensor> tensors;
  const auto count = static_cast<size_t>(any_number(0, 8));
  for (size_t i = 0; i < count; ++i) tensors.push_back(any_tensor(i));
  return tensors;
}

WriterOptions any_options() {
  WriterOptions options;
  options.version = any_of<uint32_t>({2, 3});
  options.alignment = any_of<uint64_t>({8, 32, 64, 4096});
  options.max_part_tensors = any_of<uint64_t>({0, 1, 3});
  options.max_part_bytes = any_of<uint64_t>({0, 100, 5000});
  return options;
}

// Writes each tensor in pieces of up to piece bytes.
void write(GgufWriter& writer, const std::string& path, const std::vector<Tensor>& tensors,
           size_t piece) {
  for (const Tensor& tensor : tensors) {
    RC_ASSERT(writer.add_tensor(tensor.name, tensor.type, tensor.dims).ok());
  }
  RC_ASSERT(writer.begin(path).ok());
  for (const Tensor& tensor : tensors) {
    for (size_t at = 0; at < tensor.bytes.size(); at += piece) {
      const size_t size = std::min(piece, tensor.bytes.size() - at);
      RC_ASSERT(writer.append(tensor.name, std::span(tensor.bytes).subspan(at, size)).ok());
    }
  }
  RC_ASSERT(writer.finish().ok());
}

TEST(GgufWriter, WritesTensorsThatReadTheSame) {
  EXPECT_TRUE(rc::check([] {
    const TempDir dir;
    const auto tensors = any_tensors();
    GgufWriter writer(any_options());
    write(writer, dir.path("m.gguf"), tensors, static_cast<size_t>(any_number(1, 5000)));
    const auto file = GgufFile::open(writer.paths()[0]);
    RC_ASSERT(file.ok());
    RC_ASSERT((*file)->tensors().size() == tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      const quant::TensorView& view = (*file)->tensors()[i];
      auto dims = tensors[i].dims;
      dims.resize(4, 1);
      RC_ASSERT(view.name == tensors[i].name);
      RC_ASSERT(view.type == tensors[i].type);
      RC_ASSERT(std::equal(dims.begin(), dims.end(), view.dims.begin()));
      RC_ASSERT(std::equal(view.bytes.begin(), view.bytes.end(), tensors[i].bytes.begin(),
                           tensors[i].bytes.end()));
    }
    // Nothing is left but the files.
    const auto entries = std::filesystem::directory_iterator(dir.path());
    RC_ASSERT(static_cast<size_t>(std::distance(begin(entries), end(entries))) ==
              writer.paths().size());
  }));
}

template <typename T>
struct OneAndMore {
  T one;
  std::vector<T> more;
};

template <typename T>
OneAndMore<T> any_values() {
  return {*rc::gen::arbitrary<T>(), *rc::gen::arbitrary<std::vector<T>>()};
}

template <typename Stored, typename T>
Stored cut(T number) {
  if constexpr (std::is_same_v<Stored, bool>) return number % 2 != 0;
  return static_cast<Stored>(number);
}

// Values to write into one file, and what the reader must make of them.
class Values {
 public:
  void add(const TypedValue& value, Value expected) {
    const std::string key = std::to_string(expected_.size()).append(".key");
    RC_ASSERT(writer_.add(key, value).ok());
    expected_.push_back(std::move(expected));
  }

  // One number of the type and an array of them.
  template <typename Stored, typename Wide, typename Array, typename T>
  void add_numbers(const OneAndMore<T>& numbers) {
    const auto value = cut<Stored>(numbers.one);
    add(value, static_cast<Wide>(value));
    std::vector<Stored> values;
    for (const T number : numbers.more) values.push_back(cut<Stored>(number));
    Array widened;
    widened.items.assign(values.begin(), values.end());
    add(values, widened);
  }

  void write_and_check() {
    const TempDir dir;
    RC_ASSERT(writer_.begin(dir.path("m.gguf")).ok());
    RC_ASSERT(writer_.finish().ok());
    const auto file = GgufFile::open(dir.path("m.gguf"));
    RC_ASSERT(file.ok());
    const auto entries = (*file)->metadata().entries();
    RC_ASSERT(entries.size() == expected_.size());
    for (size_t i = 0; i < entries.size(); ++i) {
      RC_ASSERT(entries[i].key == std::to_string(i).append(".key"));
      RC_ASSERT(entries[i].value == expected_[i]);
    }
  }

 private:
  GgufWriter writer_;
  std::vector<Value> expected_;
};

TEST(GgufWriter, WritesNumbersThatReadTheSame) {
  EXPECT_TRUE(rc::check([] {
    Values values;
    values.add_numbers<uint8_t, uint64_t, IntArray>(any_values<int64_t>());
    values.add_numbers<int8_t, int64_t, IntArray>(any_values<int64_t>());
    values.add_numbers<uint16_t, uint64_t, IntArray>(any_values<int64_t>());
    values.add_numbers<int16_t, int64_t, IntArray>(any_values<int64_t>());
    values.add_numbers<uint32_t, uint64_t, IntArray>(any_values<int64_t>());
    values.add_numbers<int32_t, int64_t, IntArray>(any_values<int64_t>());
    values.add_numbers<int64_t, int64_t, IntArray>(any_values<int64_t>());
    values.add_numbers<float, double, FloatArray>(any_values<double>());
    values.add_numbers<double, double, FloatArray>(any_values<double>());
    values.add_numbers<bool, bool, IntArray>(any_values<int64_t>());
    const auto large = static_cast<uint64_t>(*rc::gen::arbitrary<int64_t>());
    values.add(large, large);
    values.add(std::vector<uint64_t>{large / 2}, IntArray{{static_cast<int64_t>(large / 2)}});
    values.write_and_check();
  }));
}

TEST(GgufWriter, WritesStringsThatReadTheSame) {
  EXPECT_TRUE(rc::check([] {
    const auto [text, items] = any_values<std::string>();
    Values values;
    values.add(text, std::string_view(text));
    StringArray array;
    array.items.assign(items.begin(), items.end());
    values.add(items, array);
    values.write_and_check();
  }));
}

class GgufWriterRefusals : public ::testing::Test {
 protected:
  static void expect_refused(const Status& status, const char* message) {
    EXPECT_EQ(status.code(), StatusCode::invalid_argument);
    EXPECT_THAT(status.message(), HasSubstr(message));
  }
  static void expect_ok(const Status& status) { EXPECT_TRUE(status.ok()) << status.message(); }
  size_t files() const {
    const auto entries = std::filesystem::directory_iterator(dir_.path());
    return static_cast<size_t>(std::distance(begin(entries), end(entries)));
  }

  TempDir dir_;
  GgufWriter writer_;
  const std::vector<int64_t> dims_ = {4};
  const std::vector<std::byte> bytes_ = std::vector<std::byte>(16);
};

TEST_F(GgufWriterRefusals, NameKeysThatCannotBe) {
  expect_ok(writer_.add("a", uint8_t{1}));
  expect_refused(writer_.add("a", uint8_t{1}), "key 'a' is there already");
  expect_refused(writer_.add("", uint8_t{1}), "expected 1 to 65535");
  expect_refused(writer_.add(std::string(65536, 'k'), uint8_t{1}), "expected 1 to 65535");
  expect_refused(writer_.add("general.alignment", uint32_t{32}), "by the writer itself");
  expect_refused(writer_.add("split.count", uint16_t{2}), "by the writer itself");
  expect_refused(writer_.add("tokens", std::vector<std::string>{std::string(1 << 17, 't')}),
                 "key 'tokens': a string of 131072 bytes, at most 65536");
  KeyValue made_up;
  made_up.key = "b";
  made_up.value = uint64_t{1};
  expect_refused(writer_.add(made_up), "key 'b' does not come from a file");
}

TEST_F(GgufWriterRefusals, NameTensorsThatCannotBe) {
  const auto add = [this](std::string_view name, TensorType type, std::vector<int64_t> dims) {
    return writer_.add_tensor(name, type, dims);
  };
  expect_ok(add("w", TensorType::f32, {4}));
  expect_refused(add("w", TensorType::f32, {4}), "tensor 'w' is there already");
  expect_refused(add("", TensorType::f32, {4}), "a name of 0 bytes");
  expect_refused(add(std::string(64, 'n'), TensorType::f32, {4}), "a name of 64 bytes");
  expect_refused(add("a", TensorType::q4_k, {128}), "Q4_K needs a multiple of 256");
  expect_refused(add("a", static_cast<TensorType>(77), {128}), "type 77");
  expect_refused(add("a", TensorType::f32, {}), "0 dimensions");
  expect_refused(add("a", TensorType::f32, {1, 1, 1, 1, 1}), "5 dimensions");
  expect_refused(add("a", TensorType::f32, {4, 0}), "a dimension is 0");
  const int64_t large = int64_t{1} << 31;
  expect_refused(add("a", TensorType::f32, {large, large}), "not below 2^63");
  expect_refused(add("a", TensorType::f32, {2, large, large, large}), "not below 2^63");
}

TEST_F(GgufWriterRefusals, HoldBytesToTheirTensors) {
  expect_ok(writer_.add_tensor("a", TensorType::f32, dims_));
  expect_ok(writer_.add_tensor("b", TensorType::f32, dims_));
  expect_refused(writer_.append("a", bytes_), "before begin()");
  expect_ok(writer_.begin(dir_.path("m.gguf")));
  expect_refused(writer_.add("late", uint8_t{1}), "comes after begin()");
  expect_refused(writer_.add_tensor("late", TensorType::f32, dims_), "comes after begin()");
  expect_refused(writer_.append("b", bytes_), "out of order, the next bytes are those of 'a'");
  expect_refused(writer_.append("a", std::vector<std::byte>(17)), "17 bytes, expected 16");
  expect_ok(writer_.append("a", bytes_));
  expect_refused(writer_.finish(), "tensor 'b' has 0 bytes, expected 16");
  expect_ok(writer_.append("b", bytes_));
  expect_refused(writer_.append("b", bytes_), "after those of the last tensor");
  expect_ok(writer_.finish());
  expect_refused(writer_.finish(), "before");
}

TEST_F(GgufWriterRefusals, HoldHolesToWholeTensors) {
  expect_ok(writer_.add_tensor("a", TensorType::f32, dims_));
  expect_ok(writer_.add_tensor("b", TensorType::f32, dims_));
  expect_refused(writer_.leave_hole("a"), "before begin()");
  expect_ok(writer_.begin(dir_.path("m.gguf")));
  expect_refused(writer_.leave_hole("b"), "out of order, the next bytes are those of 'a'");
  expect_ok(writer_.append("a", std::span(bytes_).first(8)));
  expect_refused(writer_.leave_hole("a"), "a hole after 8 bytes of it");
  expect_ok(writer_.append("a", std::span(bytes_).subspan(8)));
  expect_refused(writer_.finish(), "tensor 'b' has 0 bytes, expected 16");
  expect_ok(writer_.leave_hole("b"));
  expect_refused(writer_.leave_hole("b"), "after those of the last tensor");
  expect_ok(writer_.finish());
}

// Between tensors, at the end of a part and at the end: zeros that take no room.
TEST(GgufWriter, LeavesHoles) {
  constexpr int64_t kLarge = int64_t{1} << 26;  // 256 MiB of float32
  const int64_t small[] = {3};
  const int64_t large[] = {kLarge};
  const std::array numbers = {1.0F, 2.0F, 3.0F};
  const auto bytes = std::as_bytes(std::span<const float>(numbers));
  const TempDir dir;
  for (const uint64_t part_tensors : {0, 2}) {
    WriterOptions options;
    options.max_part_tensors = part_tensors;
    GgufWriter writer(options);
    for (const char* name : {"a", "c"}) {
      ASSERT_TRUE(writer.add_tensor(name, TensorType::f32, small).ok());
      ASSERT_TRUE(writer.add_tensor(name + std::string("hole"), TensorType::f32, large).ok());
    }
    ASSERT_TRUE(writer.begin(dir.path("m.gguf")).ok());
    for (const char* name : {"a", "c"}) {
      ASSERT_TRUE(writer.append(name, bytes).ok());
      ASSERT_TRUE(writer.leave_hole(name + std::string("hole")).ok());
    }
    ASSERT_TRUE(writer.finish().ok());
    const auto file = GgufFile::open(writer.paths().front());
    ASSERT_TRUE(file.ok()) << file.status().message();
    for (const char* name : {"a", "c"}) {
      EXPECT_TRUE(std::ranges::equal((*file)->find(name)->bytes, bytes));
      const auto hole = (*file)->find(name + std::string("hole"))->bytes;
      ASSERT_EQ(hole.size(), size_t{4} * kLarge);
      for (const size_t at : {size_t{0}, hole.size() / 2, hole.size() - 1}) {
        EXPECT_EQ(hole[at], std::byte{0});
      }
    }
    uint64_t on_disk = 0;
    for (const std::string& path : writer.paths()) {
      struct stat status {};
      ASSERT_EQ(::stat(path.c_str(), &status), 0);
      on_disk += static_cast<uint64_t>(status.st_blocks) * 512;
    }
    EXPECT_LT(on_disk, 1U << 20);
  }
}

TEST_F(GgufWriterRefusals, LeaveNoFileThatIsNotWhole) {
  {
    WriterOptions options;
    options.max_part_tensors = 1;
    GgufWriter writer(options);
    expect_ok(writer.add_tensor("a", TensorType::f32, dims_));
    expect_ok(writer.add_tensor("b", TensorType::f32, dims_));
    expect_ok(writer.begin(dir_.path("m.gguf")));
    expect_ok(writer.append("a", bytes_));
    expect_ok(writer.append("b", std::span(bytes_).first(8)));
    EXPECT_EQ(files(), 2u);
  }
  EXPECT_EQ(files(), 0u);
}

TEST_F(GgufWriterRefusals, CoverTheOptions) {
  for (const uint64_t alignment : {0, 4, 24, 1 << 25}) {
    WriterOptions options;
    options.alignment = alignment;
    expect_refused(GgufWriter(options).begin(dir_.path("m.gguf")), "expected a power of two");
  }
  WriterOptions options;
  options.version = 1;
  expect_refused(GgufWriter(options).begin(dir_.path("m.gguf")), "GGUF version 1");
  options = {};
  options.max_part_tensors = 1;
  expect_refused(GgufWriter(options).begin(dir_.path("m.bin")), "must end in .gguf");
  EXPECT_EQ(files(), 0u);
}

TEST_F(GgufWriterRefusals, NameThePathThatCannotBeWritten) {
  const Status status = writer_.begin(dir_.path("no/m.gguf"));
  EXPECT_EQ(status.code(), StatusCode::not_found);
  EXPECT_THAT(status.message(), HasSubstr("no/m.gguf: cannot write it: no such directory"));
}

// A full disk must be an error, not a short file.
TEST_F(GgufWriterRefusals, TellOfAFullDisk) {
  std::filesystem::create_symlink("/dev/full", dir_.path("m.gguf.partial"));
  expect_ok(writer_.add_tensor("a", TensorType::f32, dims_));
  Status status = writer_.begin(dir_.path("m.gguf"));
  if (status.ok()) status = writer_.append("a", bytes_);
  if (status.ok()) status = writer_.finish();
  EXPECT_EQ(status.code(), StatusCode::resource_exhausted);
  EXPECT_FALSE(std::filesystem::exists(dir_.path("m.gguf")));
}

}  // namespace
}  // namespace ix::gguf
