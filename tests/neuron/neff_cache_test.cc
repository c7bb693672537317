#include "backend/neuron/compiler/neff_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "neuron/test_directory.h"

namespace ix::backend::neuron {
namespace {

namespace fs = std::filesystem;

CacheEntry described(const std::string& hlo, const std::string& compiler) {
  CacheEntry entry;
  entry.module_name = "decode";
  entry.target = "inf2";
  entry.flags = {"-O2"};
  entry.world = 2;
  entry.compiler = compiler;
  entry.program_key = program_key(hlo, entry.flags, entry.target, entry.world);
  return entry;
}

void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

std::string text_of(const CachedNeff& neff) {
  return {reinterpret_cast<const char*>(neff.bytes.data()), neff.bytes.size()};
}

class NeffCacheTest : public testing::Test {
 protected:
  NeffCache open() const { return NeffCache::open(directory_ / "cache").value(); }

  // Finds the entry, or makes one whose NEFF is `neff`.
  Result<CachedNeff> build(const CacheEntry& entry, const std::string& neff) {
    return open().find_or_build(entry, {}, [&](const std::string& place) {
      ++builds_;
      write(fs::path(place) / kNeffFile, neff);
      write(fs::path(place) / kOutputFile, "log");
      return ok_status();
    });
  }
  fs::path neff_path(const CacheEntry& entry) const {
    return directory_.path() / "cache/entries" / entry.directory_name() / kNeffFile;
  }

  const TestDirectory directory_;
  std::atomic<int> builds_ = 0;
};

TEST_F(NeffCacheTest, BuildsOnceAndFindsAfterwards) {
  const CacheEntry entry = described("hlo", "2.1");
  const auto built = build(entry, "neff");
  ASSERT_TRUE(built.ok()) << built.status().message();
  EXPECT_TRUE(built->was_built);
  const auto found = build(entry, "other");
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE(found->was_built);
  EXPECT_EQ(text_of(*found), "neff");
  EXPECT_EQ(builds_, 1);
  EXPECT_TRUE(fs::is_empty(directory_.path() / "cache/building"));
}

TEST_F(NeffCacheTest, KeepsProgramsApartByEachPartOfTheKey) {
  const std::vector<std::string> flags{"-O1", "-x"};
  const std::string key = program_key("hlo", flags, "inf2", 2);
  EXPECT_EQ(key.size(), 32U);
  EXPECT_EQ(program_key("hlo", flags, "inf2", 2), key);
  EXPECT_NE(program_key("hlp", flags, "inf2", 2), key);
  EXPECT_NE(program_key("hlo", {"-O2", "-x"}, "inf2", 2), key);
  EXPECT_NE(program_key("hlo", {"-O1-x"}, "inf2", 2), key);
  EXPECT_NE(program_key("hlo", flags, "trn1", 2), key);
  EXPECT_NE(program_key("hlo", flags, "inf2", 4), key);
}

TEST_F(NeffCacheTest, AnotherCompilerVersionCompilesAgain) {
  ASSERT_TRUE(build(described("hlo", "2.1"), "old").ok());
  const auto newer = build(described("hlo", "2.2"), "new");
  ASSERT_TRUE(newer.ok());
  EXPECT_TRUE(newer->was_built);
  EXPECT_EQ(text_of(*build(described("hlo", "2.1"), "")), "old");
  EXPECT_EQ(builds_, 2);
}

TEST_F(NeffCacheTest, WithoutACompilerAnyVersionServes) {
  const CacheEntry entry = described("hlo", "2.1");
  EXPECT_EQ(open().find(entry.program_key, "").status().code(), StatusCode::not_found);
  ASSERT_TRUE(build(entry, "neff").ok());
  EXPECT_EQ(text_of(*open().find(entry.program_key, "")), "neff");
}

TEST_F(NeffCacheTest, ADamagedNeffIsPutAsideAndBuiltAgain) {
  const CacheEntry entry = described("hlo", "2.1");
  ASSERT_TRUE(build(entry, "neff").ok());
  write(neff_path(entry), "nefg");
  const auto again = build(entry, "neff");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->was_built);
  EXPECT_EQ(text_of(*again), "neff");
  const fs::directory_iterator damaged(directory_.path() / "cache/damaged");
  ASSERT_NE(damaged, fs::directory_iterator());
  EXPECT_TRUE(fs::exists(damaged->path() / kNeffFile));
}

TEST_F(NeffCacheTest, VerifyFindsEachKindOfDamage) {
  const CacheEntry whole = described("whole", "2.1");
  const CacheEntry flipped = described("flipped", "2.1");
  const CacheEntry shorter = described("shorter", "2.1");
  const CacheEntry missing = described("missing", "2.1");
  const CacheEntry nonsense = described("nonsense", "2.1");
  for (const auto& entry : {whole, flipped, shorter, missing, nonsense}) {
    ASSERT_TRUE(build(entry, "neff").ok());
  }
  write(neff_path(flipped), "nexf");
  write(neff_path(shorter), "nef");
  fs::remove(neff_path(missing));
  write(neff_path(nonsense).parent_path() / kEntryFile, "{\"program_key\": 3");
  const auto damaged = open().verify();
  ASSERT_TRUE(damaged.ok());
  std::vector<std::string> names;
  for (const DamagedEntry& entry : *damaged) names.push_back(entry.name);
  EXPECT_THAT(names,
              testing::UnorderedElementsAre(flipped.directory_name(), shorter.directory_name(),
                                            missing.directory_name(), nonsense.directory_name()));
  EXPECT_TRUE(open().verify()->empty());
  EXPECT_EQ(open().list()->size(), 1U);
}

TEST_F(NeffCacheTest, AFailedBuildLeavesItsLogAndNoEntry) {
  const CacheEntry entry = described("hlo", "2.1");
  const auto failed = open().find_or_build(entry, {}, [](const std::string& place) {
    write(fs::path(place) / kOutputFile, "why");
    write(fs::path(place) / kNeffFile, "half");
    return unsupported("no");
  });
  EXPECT_EQ(failed.status().code(), StatusCode::unsupported);
  const fs::path kept = directory_.path() / "cache/failed" / entry.directory_name();
  EXPECT_TRUE(fs::exists(kept / kOutputFile));
  EXPECT_FALSE(fs::exists(kept / kNeffFile));
  EXPECT_TRUE(open().list()->empty());
  // Failures are not remembered.
  EXPECT_TRUE(build(entry, "neff").ok());
}

TEST_F(NeffCacheTest, WhatAKilledBuilderLeftIsRemoved) {
  const CacheEntry entry = described("hlo", "2.1");
  const fs::path left = fs::path(open().root()) / "building" / (entry.directory_name() + ".abc");
  fs::create_directories(left);
  ASSERT_TRUE(build(entry, "neff").ok());
  EXPECT_FALSE(fs::exists(left));
}

TEST_F(NeffCacheTest, ManyThreadsBuildOnce) {
  const CacheEntry entry = described("hlo", "2.1");
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto found = build(entry, "neff");
      if (found.ok() && text_of(*found) == "neff") ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(builds_, 1);
}

TEST_F(NeffCacheTest, AWaitForAnotherBuilderCanBeCancelled) {
  const CacheEntry entry = described("hlo", "2.1");
  const auto outer = open().find_or_build(entry, {}, [&](const std::string& place) {
    bool waited = false;
    const NeffCache::Building building{[&] { return waited; }, [&] { waited = true; }};
    const auto inner = open().find_or_build(
        entry, building, [](const std::string&) { return internal_error("built twice"); });
    EXPECT_EQ(inner.status().code(), StatusCode::cancelled);
    write(fs::path(place) / kNeffFile, "neff");
    return ok_status();
  });
  EXPECT_TRUE(outer.ok());
}

TEST_F(NeffCacheTest, ExportAndImportMoveWholeEntries) {
  const CacheEntry good = described("good", "2.1");
  const CacheEntry bad = described("bad", "2.1");
  ASSERT_TRUE(build(good, "neff").ok());
  ASSERT_TRUE(build(bad, "neff").ok());
  write(neff_path(bad), "nefg");
  const std::string exported = directory_ / "exported";
  EXPECT_EQ(open().export_to(exported)->copied, 1);

  const NeffCache other = NeffCache::open(directory_ / "other").value();
  const auto first = other.import_from(exported);
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_EQ(first->copied, 1);
  EXPECT_EQ(text_of(*other.find(good.program_key, "2.1")), "neff");
  EXPECT_TRUE(fs::exists(fs::path(other.root()) / "entries" / good.directory_name() / kOutputFile));
  EXPECT_EQ(other.import_from(exported)->present, 1);
  EXPECT_EQ(other.import_from(directory_ / "nothing").status().code(), StatusCode::not_found);
}

TEST_F(NeffCacheTest, PruneRemovesByAgeVersionAndState) {
  const CacheEntry old = described("hlo", "2.1");
  const CacheEntry kept = described("hlo", "2.2");
  ASSERT_TRUE(build(old, "12345").ok());
  ASSERT_TRUE(build(kept, "neff").ok());
  const NeffCache cache = open();
  EXPECT_EQ(cache.prune({0, "2.2"})->removed, 1);
  EXPECT_EQ(cache.find(old.program_key, "2.1").status().code(), StatusCode::not_found);
  EXPECT_TRUE(cache.find(kept.program_key, "2.2").ok());
  fs::create_directories(fs::path(cache.root()) / "building/x.abc");
  EXPECT_EQ(cache.prune({})->removed, 1);
  const int64_t created = cache.list()->at(0).created;
  EXPECT_EQ(cache.prune({created, ""})->removed, 0);
  EXPECT_EQ(cache.prune({created + 1, ""})->removed, 1);
  EXPECT_TRUE(cache.list()->empty());
}

TEST_F(NeffCacheTest, LiesWhereTheEnvironmentSays) {
  const ScopedVariable xdg("XDG_CACHE_HOME", directory_ / "xdg");
  EXPECT_EQ(NeffCache::open()->root(), directory_ / "xdg/inference-x/neuron");
  const ScopedVariable own("IX_NEURON_CACHE", directory_ / "own");
  EXPECT_EQ(NeffCache::open()->root(), directory_ / "own");
}

TEST_F(NeffCacheTest, NamesOfVersionsCannotLeaveTheCache) {
  EXPECT_THAT(described("hlo", "../../x y").directory_name(), testing::EndsWith("-.._.._x_y"));
}

}  // namespace
}  // namespace ix::backend::neuron
