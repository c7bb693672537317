// Checks of flag values, with one-line messages that name the flag as people type it.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>

namespace ix::cli {

// A whole number in [low, high]; allowed says so in words: "0 or more".
CLI::Validator whole_number(std::string flag, int64_t low, int64_t high, std::string allowed);

// A finite number in [low, high].
CLI::Validator real_number(std::string flag, double low, double high, std::string allowed);

inline constexpr double kNoLimit = std::numeric_limits<float>::max();

}  // namespace ix::cli
