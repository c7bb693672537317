#include "tokenizer/symbol_merger.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace ix::tokenizer {
namespace {

// The definition, word for word: look at all pairs, join the best, begin again.
std::vector<uint32_t> joined_one_by_one(std::vector<uint32_t> ids,
                                        const std::function<Joined(uint32_t, uint32_t)>& rule) {
  while (true) {
    size_t best = ids.size();
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const Joined joined = rule(ids[i], ids[i + 1]);
      if (joined.order == Joined::kNever) continue;
      if (best == ids.size() || joined.order < rule(ids[best], ids[best + 1]).order) best = i;
    }
    if (best == ids.size()) return ids;
    ids[best] = rule(ids[best], ids[best + 1]).id;
    ids.erase(ids.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
}

TEST(SymbolMerger, JoinsAsTheDefinitionSaysWhateverTheLength) {
  EXPECT_TRUE(rc::check([](uint32_t seed) {
    // Few symbols and few orders, so that many pairs tie; a third of all pairs is never joined.
    const auto rule = [seed](uint32_t left, uint32_t right) -> Joined {
      uint32_t mixed = (left * 31 + right) * 2654435761u ^ seed;
      mixed = (mixed ^ mixed >> 15) * 2246822519u;
      if (mixed % 3 == 0) return {};
      return {mixed >> 8 & 15, mixed >> 16 & 7};
    };
    const auto ids =
        *rc::gen::resize(200, rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange(0u, 8u)));
    std::vector<Symbol> symbols;
    for (uint32_t i = 0; i < ids.size(); ++i) symbols.push_back({i, ids[i]});
    SymbolMerger merger;
    merger.merge(symbols, static_cast<uint32_t>(ids.size()),
                 [&](Symbol left, Symbol right, uint32_t) { return rule(left.id, right.id); });
    std::vector<uint32_t> merged;
    for (const Symbol& symbol : symbols) merged.push_back(symbol.id);
    RC_ASSERT(merged == joined_one_by_one(ids, rule));
  }));
}

TEST(SymbolMerger, TellsTheRuleWhereAPairBeginsAndEnds) {
  // Joins whatever is at most 4 long; a symbol of 40 characters' text is one character.
  std::vector<Symbol> symbols;
  for (uint32_t i = 0; i < 40; ++i) symbols.push_back({i, 0});
  SymbolMerger merger;
  merger.merge(symbols, 40, [](Symbol left, Symbol, uint32_t end) -> Joined {
    const uint32_t length = end - left.begin;
    return length > 4 ? Joined{} : Joined{length, 0};
  });
  ASSERT_EQ(symbols.size(), 10u);
  for (uint32_t i = 0; i < 10; ++i) EXPECT_EQ(symbols[i].begin, 4 * i);
}

TEST(SymbolMerger, AcceptsNothingAndASingleSymbol) {
  const auto always = [](Symbol, Symbol, uint32_t) { return Joined{0, 0}; };
  SymbolMerger merger;
  std::vector<Symbol> symbols;
  merger.merge(symbols, 0, always);
  EXPECT_TRUE(symbols.empty());
  symbols.push_back({0, 5});
  merger.merge(symbols, 3, always);
  EXPECT_EQ(symbols.size(), 1u);
  EXPECT_EQ(symbols[0].id, 5u);
}

}  // namespace
}  // namespace ix::tokenizer
