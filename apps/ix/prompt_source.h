// Where a prompt comes from: -p, -f, or a pipe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"

namespace ix::cli {

inline constexpr size_t kMaxTextBytes = size_t{256} << 20;

struct PromptSource {
  std::optional<std::string> text;  // -p
  std::optional<std::string> file;  // -f; "-" is standard input
};

// All bytes of a file ("-" = standard input), at most kMaxTextBytes. Errors name it.
Result<std::string> read_text(const std::string& path);

// The prompt: -p, then -f after a newline; standard input when neither is given and it is no
// terminal. One newline at the end of a file or pipe is dropped, as llama.cpp does. Nothing when
// there is none: people type it. invalid_argument for an empty file or pipe.
Result<std::optional<std::string>> read_prompt(const PromptSource& source);

// ok for UTF-8; invalid_argument with the byte and its place otherwise. what: "the prompt".
Status check_utf8(std::string_view text, std::string_view what);

}  // namespace ix::cli
