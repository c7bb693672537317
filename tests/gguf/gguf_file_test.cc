// Files on disk: what the system refuses, split models, pages that go and come back.
#include "gguf/gguf_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "gguf/raw_gguf.h"
#include "gguf/split_name.h"
#include "support/temp_dir.h"

namespace ix::gguf {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

Status open_status(const std::string& path) { return GgufFile::open(path).status(); }

void expect_refused(const std::string& path, StatusCode code, const std::string& message) {
  const Status status = open_status(path);
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_THAT(status.message(), AllOf(StartsWith(path), HasSubstr(message)));
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
}

TEST(GgufFile, SaysThatAFileIsMissing) {
  const ix::testing::TempDir dir;
  expect_refused(dir.path("model.gguf"), StatusCode::not_found, "no such file");
  expect_refused(dir.write("file", "x") + "/model.gguf", StatusCode::not_found, "no such file");
}

TEST(GgufFile, SaysThatAFileIsEmpty) {
  const ix::testing::TempDir dir;
  expect_refused(dir.write("model.gguf", ""), StatusCode::corrupt, "the file is empty");
}

TEST(GgufFile, SaysThatAFileIsText) {
  const ix::testing::TempDir dir;
  expect_refused(dir.write("model.gguf", "Hello, world.\n"), StatusCode::corrupt,
                 "is not a GGUF file: begins with 'Hell'");
}

TEST(GgufFile, SaysThatThePathIsADirectory) {
  const ix::testing::TempDir dir;
  expect_refused(dir.path(), StatusCode::invalid_argument, "is a directory");
}

TEST(GgufFile, DoesNotWaitForAPipe) {
  const ix::testing::TempDir dir;
  ASSERT_EQ(::mkfifo(dir.path("pipe").c_str(), 0600), 0);
  expect_refused(dir.path("pipe"), StatusCode::invalid_argument, "not a regular file");
}

TEST(GgufFile, RefusesAnEmptyPath) {
  EXPECT_EQ(open_status("").code(), StatusCode::invalid_argument);
}

// In a child that is not root, which no mode would stop.
TEST(GgufFile, SaysThatItHasNoPermission) {
  const ix::testing::TempDir dir;
  const std::string path = dir.write("model.gguf", "GGUF");
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(3);
    const Status status = open_status(path);
    const bool told = status.message().find("no permission") != std::string::npos;
    ::_exit(status.code() == StatusCode::permission_denied && told ? 0 : 1);
  }
  int wait_status = 0;
  ASSERT_EQ(::waitpid(child, &wait_status, 0), child);
  ASSERT_TRUE(WIFEXITED(wait_status));
  EXPECT_EQ(WEXITSTATUS(wait_status), 0);
}

RawGguf one_tensor_file() {
  RawGguf file(1, 1);
  file.key("general.architecture", kString).string("llama");
  file.tensor("w", {2}, 0, 0).pad_to(32).number(1.0f).number(2.0f);
  return file;
}

TEST(GgufFile, FindsTensorsByName) {
  const ix::testing::TempDir dir;
  const RawGguf raw = one_tensor_file();
  const auto file = GgufFile::open(dir.write("model.gguf", raw.str()));
  ASSERT_TRUE(file.ok()) << file.status().message();
  const GgufFile& model = **file;
  EXPECT_EQ(model.version(), 3u);
  EXPECT_EQ(model.size_bytes(), raw.str().size());
  EXPECT_THAT(model.paths(), ElementsAre(dir.path("model.gguf")));
  ASSERT_TRUE(model.find("w").ok());
  EXPECT_EQ(model.find("w")->bytes.data(), model.tensors()[0].bytes.data());
  const Status missing = model.find("v").status();
  EXPECT_EQ(missing.code(), StatusCode::not_found);
  EXPECT_THAT(missing.message(), HasSubstr("tensor 'v' is missing"));
}

// Pages of the mapping that lie in part and are in memory for this process.
size_t resident_pages(std::span<const std::byte> part) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const uintptr_t from = reinterpret_cast<uintptr_t>(part.data()) / page;
  const uintptr_t to = (reinterpret_cast<uintptr_t>(part.data()) + part.size() - 1) / page;
  FILE* pagemap = std::fopen("/proc/self/pagemap", "rb");
  EXPECT_NE(pagemap, nullptr);
  std::vector<uint64_t> entries(to - from + 1);
  EXPECT_EQ(std::fseek(pagemap, static_cast<long>(from * sizeof(uint64_t)), SEEK_SET), 0);
  EXPECT_EQ(std::fread(entries.data(), sizeof(uint64_t), entries.size(), pagemap), entries.size());
  std::fclose(pagemap);
  constexpr uint64_t kPresent = uint64_t{1} << 63;
  return static_cast<size_t>(std::count_if(entries.begin(), entries.end(),
                                           [](uint64_t entry) { return (entry & kPresent) != 0; }));
}

unsigned sum(std::span<const std::byte> bytes) {
  unsigned total = 0;
  for (const std::byte byte : bytes) total += std::to_integer<unsigned>(byte);
  return total;
}

TEST(GgufFile, LetsThePagesOfATensorGoAndReadsThemAgain) {
  const ix::testing::TempDir dir;
  constexpr uint64_t kFloats = 64 * 1024;
  RawGguf raw(1, 0);
  raw.tensor("w", {kFloats}, 0, 0).pad_to(32);
  for (uint64_t i = 0; i < kFloats; ++i) raw.number(static_cast<float>(i));
  const auto file = GgufFile::open(dir.write("model.gguf", raw.str()));
  ASSERT_TRUE(file.ok()) << file.status().message();
  const quant::TensorView view = (*file)->find("w").value();
  const unsigned before = sum(view.bytes);
  ASSERT_GT(resident_pages(view.bytes), 2u);
  (*file)->release(view);
  EXPECT_LE(resident_pages(view.bytes), 2u);  // the first and the last belong to others too
  EXPECT_EQ(sum(view.bytes), before);
}

TEST(GgufFile, IgnoresTheReleaseOfAViewThatIsNotItsOwn) {
  const ix::testing::TempDir dir;
  const auto file = GgufFile::open(dir.write("model.gguf", one_tensor_file().str()));
  ASSERT_TRUE(file.ok());
  std::vector<std::byte> others(1 << 16, std::byte{7});
  quant::TensorView view;
  view.bytes = others;
  (*file)->release(view);
  EXPECT_EQ(sum(others), 7u << 16);
}

// Part `number` (from 0) of `count` with one tensor of one float, number + 0.5.
std::string part_bytes(uint16_t number, uint16_t count, const std::string& tensor,
                       int32_t tensors = 3) {
  RawGguf file(1, 4);
  file.key("general.name", kString).string("part " + std::to_string(number));
  file.key("split.no", kU16).number(number).key("split.count", kU16).number(count);
  file.key("split.tensors.count", kI32).number(tensors);
  file.tensor(tensor, {1}, 0, 0).pad_to(32).number(static_cast<float>(number) + 0.5f);
  return file.str();
}

class SplitGgufFile : public ::testing::Test {
 protected:
  std::string write(int64_t part, const std::string& bytes) const {
    return dir_.write(split_path("m", part, 3), bytes);
  }
  void write_all() const {
    write(1, part_bytes(0, 3, "a"));
    write(2, part_bytes(1, 3, "b"));
    write(3, part_bytes(2, 3, "c"));
  }
  std::string path(int64_t part) const { return dir_.path(split_path("m", part, 3)); }

  ix::testing::TempDir dir_;
};

TEST_F(SplitGgufFile, IsReadAsOneModel) {
  write_all();
  const auto file = GgufFile::open(path(1));
  ASSERT_TRUE(file.ok()) << file.status().message();
  const GgufFile& model = **file;
  EXPECT_THAT(model.paths(), ElementsAre(path(1), path(2), path(3)));
  EXPECT_EQ(model.size_bytes(), 3 * part_bytes(0, 3, "a").size());
  EXPECT_EQ(model.metadata().get_string("general.name").value(), "part 0");
  ASSERT_THAT(model.tensors(), SizeIs(3));
  float value;
  std::memcpy(&value, model.find("c")->bytes.data(), sizeof(value));
  EXPECT_EQ(value, 2.5f);
}

TEST_F(SplitGgufFile, NamesThePartThatIsMissing) {
  write_all();
  std::filesystem::remove(path(2));
  const Status status = open_status(path(1));
  EXPECT_EQ(status.code(), StatusCode::not_found);
  EXPECT_THAT(status.message(), AllOf(StartsWith(path(2)), HasSubstr("no such file")));
}

TEST_F(SplitGgufFile, IsOpenedByItsFirstPart) {
  write_all();
  expect_refused(path(2), StatusCode::invalid_argument,
                 "is part 2 of 3; open the first, " + path(1));
}

TEST_F(SplitGgufFile, RefusesANameThatHidesTheOtherParts) {
  expect_refused(dir_.write("model.gguf", part_bytes(0, 3, "a")), StatusCode::invalid_argument,
                 "-00001-of-00003.gguf");
}

TEST_F(SplitGgufFile, RefusesAPartOfAnotherPlace) {
  write_all();
  write(3, part_bytes(1, 3, "c"));
  const Status status = open_status(path(1));
  EXPECT_EQ(status.code(), StatusCode::corrupt);
  EXPECT_THAT(status.message(), AllOf(StartsWith(path(3)), HasSubstr("part 2 of 3, expected")));
}

TEST_F(SplitGgufFile, RefusesAPartThatIsNone) {
  write_all();
  write(2, one_tensor_file().str());
  const Status status = open_status(path(1));
  EXPECT_THAT(status.message(), AllOf(StartsWith(path(2)), HasSubstr("'split.no' is missing")));
}

TEST_F(SplitGgufFile, RefusesATensorThatTwoPartsHave) {
  write_all();
  write(3, part_bytes(2, 3, "a"));
  const Status status = open_status(path(1));
  EXPECT_EQ(status.code(), StatusCode::corrupt);
  EXPECT_THAT(status.message(), HasSubstr("tensor 'a' is in another part too"));
}

TEST_F(SplitGgufFile, RefusesAnotherNumberOfTensorsThanStated) {
  write_all();
  write(1, part_bytes(0, 3, "a", 4));
  expect_refused(path(1), StatusCode::corrupt,
                 "'split.tensors.count' is 4, but the 3 parts have 3");
}

TEST_F(SplitGgufFile, RefusesACountOfPartsBeyondTheLimit) {
  RawGguf raw(0, 1);
  raw.key("split.count", kU16).number(uint16_t{60000});
  expect_refused(dir_.write("model.gguf", raw.str()), StatusCode::corrupt,
                 "key 'split.count' is 60000, expected 0 to 1024");
}

TEST(SplitName, IsTakenApart) {
  const auto name = parse_split_name("dir/m-x-00002-of-00010.gguf");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->prefix, "dir/m-x");
  EXPECT_EQ(name->part, 2);
  EXPECT_EQ(name->count, 10);
  EXPECT_EQ(split_path(name->prefix, 10, 10), "dir/m-x-00010-of-00010.gguf");
}

TEST(SplitName, IsNotSeenInOtherNames) {
  for (const char* path : {"", "m.gguf", "-00001-of-00003.gguf", "m-00001-of-00003.bin",
                           "m-0001-of-0003.gguf", "m-00000-of-00003.gguf", "m-00004-of-00003.gguf",
                           "m-0000x-of-00003.gguf", "m-00001_of-00003.gguf"}) {
    EXPECT_FALSE(parse_split_name(path).has_value()) << path;
  }
}

}  // namespace
}  // namespace ix::gguf
