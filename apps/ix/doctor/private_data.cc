#include "doctor/private_data.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>

namespace ix::cli::doctor {
namespace {

constexpr const char* kPath = "(path)";
constexpr const char* kName = "(name)";

constexpr std::array kVariables = {
    "NEURON_FAIL_ON_NAN",
    "NEURON_RT_ALLOW_LEGACY_NEFF",
    "NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS",
    "NEURON_RT_CONTIGUOUS_SCRATCHPAD",
    "NEURON_RT_DISABLE_EXECUTION_BARRIER",
    "NEURON_RT_ENABLE_DGE_NOTIFICATIONS",
    "NEURON_RT_EXEC_TIMEOUT",
    "NEURON_RT_IO_RING_CACHE_SIZE",
    "NEURON_RT_LOG_LEVEL",
    "NEURON_RT_NUMERICAL_ERRORS_VERBOSITY",
    "NEURON_RT_NUM_CORES",
    "NEURON_RT_RESET_CORES",
    "NEURON_RT_STOCHASTIC_ROUNDING_EN",
    "NEURON_RT_STOCHASTIC_ROUNDING_SEED",
    "NEURON_RT_VALIDATE_HASH",
    "NEURON_RT_VISIBLE_CORES",
    "NEURON_SCRATCHPAD_PAGE_SIZE",
};

constexpr std::array kPathVariables = {
    "HOME",
    "IX_LIBNRT",
    "IX_NEURONX_CC",
    "IX_NEURON_CACHE",
    "IX_NEURON_DRIVER",
    "IX_PJRT_PLUGIN",
    "XDG_CACHE_HOME",
    "TMPDIR",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PWD",
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// What may stand before or behind a path in a sentence.
bool is_delimiter(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("'\"`()[]{}<>,;:=|").find(c) != std::string_view::npos;
}

// Where it is not a part of a longer word.
void replace_word(std::string& text, const std::string& word) {
  for (size_t at = 0; (at = text.find(word, at)) != std::string::npos;) {
    const size_t end = at + word.size();
    const bool inside = (at > 0 && is_word_character(text[at - 1])) ||
                        (end < text.size() && is_word_character(text[end]));
    if (inside) {
      ++at;
      continue;
    }
    text.replace(at, word.size(), kName);
    at += std::string_view(kName).size();
  }
}

// With what follows it in the same path.
void replace_path(std::string& text, const std::string& path) {
  for (size_t at = 0; (at = text.find(path, at)) != std::string::npos;) {
    size_t end = at + path.size();
    while (end < text.size() && !is_delimiter(text[end])) ++end;
    text.replace(at, end - at, kPath);
    at += std::string_view(kPath).size();
  }
}

bool looks_like_path(std::string_view token) {
  return token.size() > 1 && (token.starts_with('/') || token.starts_with("~/") ||
                              token.starts_with("./") || token.starts_with("../"));
}

std::string without_paths(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && !is_delimiter(text[end])) ++end;
    const std::string_view token = text.substr(at, end - at);
    out += looks_like_path(token) ? kPath : token;
    if (end < text.size()) out += text[end];
    at = end + 1;
  }
  return out;
}

}  // namespace

PrivateData::PrivateData(std::vector<std::string> words, std::vector<std::string> paths)
    : words_(std::move(words)), paths_(std::move(paths)) {
  std::erase_if(words_, [](const std::string& word) { return word.size() < 2; });
  // "/" stands in too much, and what has none is no path.
  std::erase_if(paths_, [](const std::string& path) {
    return path.size() < 2 || path.find('/') == std::string::npos;
  });
  std::ranges::sort(paths_, std::ranges::greater(), &std::string::size);
}

PrivateData PrivateData::of_this_process() {
  std::vector<std::string> words = {variable("USER"), variable("LOGNAME"), variable("HOSTNAME")};
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) words.emplace_back(host.data());
  if (const passwd* user = ::getpwuid(::getuid()); user != nullptr) {
    words.emplace_back(user->pw_name);
  }
  std::vector<std::string> paths;
  paths.reserve(kPathVariables.size());
  for (const char* name : kPathVariables) paths.push_back(variable(name));
  return {std::move(words), std::move(paths)};
}

std::string PrivateData::remove_from(std::string_view text) const {
  std::string out(text);
  for (const std::string& path : paths_) replace_path(out, path);
  out = without_paths(out);
  for (const std::string& word : words_) replace_word(out, word);
  return out;
}

std::vector<std::pair<std::string, std::string>> neuron_environment() {
  constexpr size_t kLongest = 32;
  std::vector<std::pair<std::string, std::string>> found;
  for (const char* name : kVariables) {
    const std::string value = variable(name);
    if (value.empty()) continue;
    const bool plain = value.size() <= kLongest && std::ranges::all_of(value, [](char c) {
                         return is_word_character(c) || c == ',' || c == '-';
                       });
    found.emplace_back(name, plain ? value : "(not shown)");
  }
  return found;
}

}  // namespace ix::cli::doctor
