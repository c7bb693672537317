#include "prompt_source.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "terminal.h"
#include "tokenizer/utf8.h"

namespace ix::cli {
namespace {

Result<std::string> read_stream(std::FILE* file, const std::string& name) {
  std::string out;
  char buffer[1 << 16];
  while (const size_t n = std::fread(buffer, 1, sizeof buffer, file)) {
    out.append(buffer, n);
    if (out.size() > kMaxTextBytes) {
      return invalid_argument(
          fmt::format("{}: more than {} MB of text", name, kMaxTextBytes >> 20));
    }
  }
  if (std::ferror(file) != 0) {
    return Status(StatusCode::not_found, fmt::format("{}: {}", name, std::strerror(errno)));
  }
  return out;
}

void drop_last_newline(std::string& text) {
  if (!text.empty() && text.back() == '\n') text.pop_back();
}

}  // namespace

Result<std::string> read_text(const std::string& path) {
  if (path == "-") return read_stream(stdin, "standard input");
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (!file) return not_found(fmt::format("{}: {}", path, std::strerror(errno)));
  return read_stream(file.get(), path);
}

Result<std::optional<std::string>> read_prompt(const PromptSource& source) {
  std::optional<std::string> out = source.text;
  if (source.file || (!source.text && !stdin_is_terminal())) {
    IX_ASSIGN_OR_RETURN(std::string text, read_text(source.file.value_or("-")));
    drop_last_newline(text);
    if (!out && text.empty()) {
      return invalid_argument(fmt::format("the prompt is empty: {} has no text",
                                          source.file ? *source.file : "standard input"));
    }
    out = out ? *out + "\n" + text : std::move(text);
  }
  return out;
}

Status check_utf8(std::string_view text, std::string_view what) {
  for (size_t i = 0; i < text.size();) {
    const auto step = tokenizer::utf8_step(text.substr(i));
    if (step.state != tokenizer::Utf8State::valid) {
      return invalid_argument(fmt::format("{} is not UTF-8: byte 0x{:02x} at offset {}", what,
                                          static_cast<unsigned char>(text[i]), i));
    }
    i += step.length;
  }
  return ok_status();
}

}  // namespace ix::cli
