// What the fake libnrt holds its callers to, called as the C library that it stands for.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "backend/neuron/compiler/neff_store.h"
#include "backend/neuron/nrt/nrt_library.h"
#include "neuron/cache_step.h"
#include "neuron/fake_device.h"

namespace ix::fake_nrt {
namespace {

using namespace backend::neuron::nrt;  // NOLINT(google-build-using-namespace): the ABI's names
using backend::cache_step;
using backend::neuron::FakeDevice;
using backend::neuron::NeffStore;

constexpr size_t kCacheBytes = backend::kStepRows * backend::kStepWidth * sizeof(float);
constexpr size_t kVectorBytes = backend::kStepWidth * sizeof(float);

class FakeLibnrt : public testing::Test {
 protected:
  FakeLibnrt() : device_(2), root_("NEURON_RT_ROOT_COMM_ID", "127.0.0.1:62182") {}

  const Functions& nrt() {
    if (library_ == nullptr) library_ = Library::load().value();
    return library_->functions();
  }
  StatusValue init() { return nrt().init(Framework::none, "", ""); }
  std::vector<std::byte> neff(int ranks, std::vector<std::string> flags = {}) {
    backend::neuron::CompilerOptions options;
    options.extra_flags = std::move(flags);
    return NeffStore::open(device_.options().cache_root, options)
        .value()
        ->get(cache_step(ranks), backend::xla::ProgramKind::decode)
        .value()
        .bytes;
  }
  Model* load(int core = 0) {
    const auto bytes = neff(1);
    Model* model = nullptr;
    EXPECT_EQ(nrt().load(bytes.data(), bytes.size(), core, 1, &model), 0);
    return model;
  }
  Tensor* tensor(size_t size, int core = 0) {
    Tensor* made = nullptr;
    EXPECT_EQ(nrt().tensor_allocate(Placement::device, core, size, "t", &made), 0);
    return made;
  }
  TensorSet* set(const std::vector<std::pair<const char*, Tensor*>>& tensors) {
    TensorSet* made = nullptr;
    EXPECT_EQ(nrt().allocate_tensor_set(&made), 0);
    for (const auto& [name, held] : tensors) {
      EXPECT_EQ(nrt().add_tensor_to_tensor_set(made, name, held), 0);
    }
    return made;
  }
  // nrt_execute of the step with these tensors.
  StatusValue execute(Model* model, Tensor* x, Tensor* position, Tensor* cache, Tensor* new_cache,
                      Tensor* y) {
    return nrt().execute(model, set({{"x", x}, {"position", position}, {"cache", cache}}),
                         set({{"cache", new_cache}, {"y", y}}));
  }

  FakeDevice device_;
  const ScopedVariable root_;
  std::shared_ptr<const Library> library_;
};
using FakeLibnrtDeathTest = FakeLibnrt;

TEST_F(FakeLibnrt, ExportsEveryBaseFunctionAtTheLibrarysVersionNode) {
  void* handle = ::dlopen(::getenv("IX_LIBNRT"), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr);
#define IX_EXPECT_EXPORT(result, name, parameters) \
  EXPECT_NE(::dlvsym(handle, "nrt_" #name, "NRT_2.0.0"), nullptr) << #name;
  IX_NRT_REQUIRED_FUNCTIONS(IX_EXPECT_EXPORT)
  IX_NRT_OTHER_BASE_FUNCTIONS(IX_EXPECT_EXPORT)
#undef IX_EXPECT_EXPORT
  EXPECT_EQ(::dlsym(handle, "_ZN2ix8fake_nrt5stateEv"), nullptr);
}

TEST_F(FakeLibnrt, AnswersOutsideInitAndClose) {
  TensorSet* unused = nullptr;
  Tensor* none = nullptr;
  EXPECT_EQ(nrt().allocate_tensor_set(&unused), 13);
  EXPECT_EQ(nrt().tensor_allocate(Placement::device, 0, 4, "t", &none), 13);
  uint32_t count = 0;
  EXPECT_EQ(nrt().get_total_nc_count(&count), 0);
  EXPECT_EQ(count, 2U);
  ASSERT_EQ(init(), 0);
  EXPECT_EQ(init(), 1);
  nrt().close();
  EXPECT_EQ(nrt().allocate_tensor_set(&unused), 14);
  EXPECT_EQ(init(), 0);
}

TEST_F(FakeLibnrt, OfOlderVersionsOpensOnce) {
  const ScopedVariable version("FAKE_NRT_VERSION", "2.33.10.0");
  ASSERT_EQ(init(), 0);
  nrt().close();
  EXPECT_EQ(init(), 14);
}

TEST_F(FakeLibnrt, TakesVisibleCoresOnlyAsARange) {
  for (const char* wrong : {"0,2", "1,0", "x", "0-", "2"}) {
    const ScopedVariable visible("NEURON_RT_VISIBLE_CORES", wrong);
    EXPECT_NE(init(), 0) << wrong;
  }
  const ScopedVariable visible("NEURON_RT_VISIBLE_CORES", "0,1");
  EXPECT_EQ(init(), 0);
}

TEST_F(FakeLibnrt, GivesACoreToOneProcess) {
  const ScopedVariable visible("NEURON_RT_VISIBLE_CORES", "1");
  ASSERT_EQ(init(), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string library = ::getenv("IX_LIBNRT");
    ::execl(IX_CLAIM_CORES, IX_CLAIM_CORES, library.c_str(), nullptr);
    ::_exit(99);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_F(FakeLibnrt, CountsTheMemoryOfACore) {
  ASSERT_EQ(init(), 0);
  const auto used = [&] {
    MemoryStats stats{};
    size_t size = 0;
    EXPECT_EQ(nrt().get_vnc_memory_stats(0, &stats, sizeof(stats), &size), 0);
    EXPECT_EQ(stats.bytes_limit, size_t{16} << 30);
    return stats.bytes_used;
  };
  constexpr size_t kMicroCode = size_t{96} << 20;
  EXPECT_EQ(used(), kMicroCode);
  Tensor* large = tensor(size_t{15} << 30);
  Tensor* refused = nullptr;
  EXPECT_EQ(nrt().tensor_allocate(Placement::device, 0, size_t{1} << 30, "t", &refused), 4);
  Tensor* slice = nullptr;
  ASSERT_EQ(nrt().tensor_allocate_slice(large, 4, 8, "slice", &slice), 0);
  nrt().tensor_free(&large);
  EXPECT_EQ(large, nullptr);
  EXPECT_EQ(used(), kMicroCode + (size_t{15} << 30));  // the slice keeps it
  nrt().tensor_free(&slice);
  EXPECT_EQ(used(), kMicroCode);
  Model* model = load();
  EXPECT_GT(used(), kMicroCode + 1024);
  EXPECT_EQ(nrt().unload(model), 0);
  EXPECT_EQ(used(), kMicroCode);
}

TEST_F(FakeLibnrt, RefusesWhatCannotBeAllocated) {
  ASSERT_EQ(init(), 0);
  Tensor* made = nullptr;
  EXPECT_EQ(nrt().tensor_allocate(Placement::device, 0, 0, "t", &made), 2);
  EXPECT_EQ(nrt().tensor_allocate(Placement::device, 2, 4, "t", &made), 2);
  EXPECT_EQ(nrt().tensor_allocate(Placement::virtual_memory, 0, 4, "t", &made), 2);
  EXPECT_EQ(nrt().tensor_allocate(Placement::host, 0, size_t{4} << 20, "t", &made), 2);
  Tensor* small = tensor(8);
  char bytes[16] = {};
  EXPECT_EQ(nrt().tensor_write(small, bytes, 4, 5), 2);
  EXPECT_EQ(nrt().tensor_read(small, bytes, 9, 1), 2);
  EXPECT_EQ(nrt().tensor_memset(small, 0, 0, 9), 2);
  ASSERT_EQ(nrt().tensor_read(small, bytes, 0, 8), 0);
  EXPECT_NE(bytes[0], 0);  // fresh memory is what it was
}

TEST_F(FakeLibnrt, ComparesTensorsWithTheNeff) {
  ASSERT_EQ(init(), 0);
  Model* model = load();
  Tensor* x = tensor(kVectorBytes);
  Tensor* position = tensor(4);
  Tensor* cache = tensor(kCacheBytes);
  Tensor* y = tensor(kVectorBytes);
  ASSERT_EQ(nrt().tensor_memset(position, 0, 0, 4), 0);
  EXPECT_EQ(execute(model, x, position, cache, cache, y), 0);
  EXPECT_EQ(execute(model, x, position, cache, tensor(kCacheBytes), y), 2) << "alias";
  EXPECT_EQ(execute(model, x, position, cache, cache, x), 2) << "an output over an input";
  EXPECT_EQ(execute(model, tensor(kVectorBytes + 4), position, cache, cache, y), 2) << "size";
  EXPECT_EQ(execute(model, tensor(kVectorBytes, 1), position, cache, cache, y), 2) << "core";
  Tensor* inside = nullptr;
  ASSERT_EQ(nrt().tensor_allocate_slice(cache, 16, kVectorBytes, "inside", &inside), 0);
  EXPECT_EQ(execute(model, x, position, cache, cache, inside), 2) << "an output inside an input";
  EXPECT_EQ(nrt().execute(model, set({{"x", x}, {"position", position}}),
                          set({{"cache", cache}, {"y", y}})),
            1002);
  EXPECT_EQ(
      nrt().execute(model, set({{"x", x}, {"position", position}, {"cache", cache}, {"z", y}}),
                    set({{"cache", cache}, {"y", tensor(kVectorBytes)}})),
      2);
}

TEST_F(FakeLibnrt, RefusesFilesThatAreNotForIt) {
  ASSERT_EQ(init(), 0);
  const auto load_bytes = [&](std::vector<std::byte> bytes) {
    Model* model = nullptr;
    return nrt().load(bytes.data(), bytes.size(), 0, 1, &model);
  };
  const auto good = neff(1);
  ASSERT_EQ(load_bytes(good), 0);
  auto bad = good;
  bad.pop_back();
  EXPECT_EQ(load_bytes(bad), 2);
  EXPECT_EQ(load_bytes(std::vector<std::byte>(good.begin(), good.begin() + 100)), 2);
  bad = good;
  bad[24] = std::byte{3};  // a later major version
  EXPECT_EQ(load_bytes(bad), 10);
  bad = good;
  bad[544] = std::byte{1};  // a feature bit
  EXPECT_EQ(load_bytes(bad), 10);
  EXPECT_EQ(load_bytes(neff(1, {"--target", "trn2"})), 10);
}

TEST_F(FakeLibnrt, ComparesTheNeffsOfRanks) {
  ASSERT_EQ(init(), 0);
  const auto good = neff(2);
  auto other = good;
  other[300] = std::byte{'x'};  // in its name: another file
  StatusValue statuses[2] = {-1, -1};
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < 2; ++rank) {
    ranks.emplace_back([&, rank] {
      const auto& bytes = rank == 0 ? good : other;
      Model* model = nullptr;
      statuses[rank] = nrt().load_collectives(bytes.data(), bytes.size(), rank, 1, rank, 2, &model);
    });
  }
  for (std::thread& rank : ranks) rank.join();
  EXPECT_EQ(statuses[0], 1);
  EXPECT_EQ(statuses[1], 1);
}

TEST_F(FakeLibnrt, WantsARootAddressForCollectives) {
  const ScopedVariable none("NEURON_RT_ROOT_COMM_ID", "");
  ASSERT_EQ(init(), 0);
  const auto bytes = neff(2);
  Model* model = nullptr;
  EXPECT_EQ(nrt().load_collectives(bytes.data(), bytes.size(), 0, 1, 0, 2, &model), 2);
}

// Loads the step of two ranks on both cores.
std::vector<Model*> load_both(const Functions& nrt, const std::vector<std::byte>& bytes) {
  std::vector<Model*> models(2);
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < 2; ++rank) {
    ranks.emplace_back([&, rank] {
      EXPECT_EQ(nrt.load_collectives(bytes.data(), bytes.size(), rank, 1, rank, 2, &models[rank]),
                0);
    });
  }
  for (std::thread& rank : ranks) rank.join();
  return models;
}

TEST_F(FakeLibnrt, LetsARankAloneWaitUntilTheTimeoutAndKeepsItLost) {
  const ScopedVariable timeout("NEURON_RT_EXEC_TIMEOUT", "1");
  ASSERT_EQ(init(), 0);
  const std::vector<Model*> models = load_both(nrt(), neff(2));
  Tensor* cache = tensor(kCacheBytes);
  Tensor* x = tensor(kVectorBytes);
  Tensor* position = tensor(4);
  Tensor* y = tensor(kVectorBytes);
  EXPECT_EQ(execute(models[0], x, position, cache, cache, y), 1200);
  EXPECT_EQ(execute(models[0], x, position, cache, cache, y), 1200);
}

TEST_F(FakeLibnrt, ComplainsOfWhatIsLeftAtClose) {
  ASSERT_EQ(init(), 0);
  load();
  set({{"t", tensor(4)}});
  nrt().close();
  EXPECT_THAT(device_.log("COMPLAINT"),
              testing::UnorderedElementsAre("COMPLAINT nrt_close with step loaded",
                                            "COMPLAINT nrt_close with a set of 1 tensors",
                                            "COMPLAINT nrt_close with tensor t"));
}

TEST_F(FakeLibnrtDeathTest, AbortsWhereTheLibraryWouldCorruptMemory) {
  ASSERT_EQ(init(), 0);
  Tensor* held = tensor(4);
  set({{"t", held}});
  EXPECT_DEATH(nrt().tensor_free(&held), "freed while a set holds it as t");
  Tensor* freed = tensor(4);
  Tensor* again = freed;
  nrt().tensor_free(&freed);
  EXPECT_DEATH(nrt().tensor_free(&again), "tensor that is not there");
  EXPECT_DEATH(nrt().tensor_memset(again, 0, 0, 4), "tensor that is not there");
  Model* model = load();
  ASSERT_EQ(nrt().unload(model), 0);
  EXPECT_DEATH(nrt().unload(model), "model that is not loaded");
}

TEST_F(FakeLibnrt, GivesAWrongResultOnDemand) {
  device_.script("nrt_execute 2 wrong");
  ASSERT_EQ(init(), 0);
  Model* model = load();
  const float ones[backend::kStepWidth] = {1, 1, 1, 1};
  const int32_t first = 0;
  Tensor* x = tensor(kVectorBytes);
  Tensor* position = tensor(4);
  Tensor* cache = tensor(kCacheBytes);
  Tensor* y = tensor(kVectorBytes);
  ASSERT_EQ(nrt().tensor_write(x, ones, 0, kVectorBytes), 0);
  ASSERT_EQ(nrt().tensor_write(position, &first, 0, 4), 0);
  // 1 is 0x3F800000; with the last byte inverted 0xC0800000, which is -4.
  for (const float last : {1.0F, -4.0F}) {
    ASSERT_EQ(nrt().tensor_memset(cache, 0, 0, kCacheBytes), 0);
    ASSERT_EQ(execute(model, x, position, cache, cache, y), 0);
    float sums[backend::kStepWidth] = {};
    ASSERT_EQ(nrt().tensor_read(y, sums, 0, kVectorBytes), 0);
    EXPECT_EQ(sums[0], 1);
    EXPECT_EQ(sums[3], last);
  }
}

TEST_F(FakeLibnrt, FailsOnDemand) {
  device_.script(
      "# function, which call, what\n"
      "nrt_tensor_write 2 NRT_TIMEOUT\nnrt_tensor_read@1 * 4711\nnrt_tensor_memset 2+ 6\n");
  ASSERT_EQ(init(), 0);
  Tensor* on_0 = tensor(4);
  Tensor* on_1 = tensor(4, 1);
  const int word = 0;
  int read = 0;
  EXPECT_EQ(nrt().tensor_write(on_0, &word, 0, 4), 0);
  EXPECT_EQ(nrt().tensor_write(on_0, &word, 0, 4), 5);
  EXPECT_EQ(nrt().tensor_write(on_0, &word, 0, 4), 0);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(nrt().tensor_read(on_0, &read, 0, 4), 0);
    EXPECT_EQ(nrt().tensor_read(on_1, &read, 0, 4), 4711);
    EXPECT_EQ(nrt().tensor_memset(on_0, 0, 0, 4), i == 0 ? 0 : 6);
  }
  EXPECT_EQ(nrt().tensor_memset(on_0, 0, 0, 4), 6);
}

}  // namespace
}  // namespace ix::fake_nrt
