// Checks of flag values, with one-line messages that name the flag as people type it.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "command.h"

namespace ix::cli {

// A whole number in [low, high]; allowed says so in words: "0 or more".
Check whole_number(const std::string& flag, int64_t low, int64_t high, const std::string& allowed);

// Whole numbers in [low, high], separated by commas: "1,2,4".
Check whole_numbers(const std::string& flag, int64_t low, int64_t high, const std::string& allowed);

// The numbers of texts that whole_numbers() has checked, in order.
std::vector<int64_t> parse_whole_numbers(std::span<const std::string> texts);

// The words of comma lists, in order.
std::vector<std::string> split_lists(std::span<const std::string> texts);

// A finite number in [low, high].
Check real_number(const std::string& flag, double low, double high, const std::string& allowed);

inline constexpr double kNoLimit = std::numeric_limits<float>::max();

}  // namespace ix::cli
