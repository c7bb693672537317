// Suggestions for what was mistyped.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace ix::cli {

// Fewest insertions, deletions, replacements and swaps of neighbours that make a into b.
size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to word, or "" when none is near (a third of its letters, at least 2).
std::string nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace ix::cli
