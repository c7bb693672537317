#include "tokenizer/pre_tokenizer.h"

#include <fmt/format.h>

#include "tokenizer/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace ix::tokenizer {
namespace {

// \s as Unicode's White_Space, which is what tokenizers mean by it; PCRE2's own \s has U+180E too.
std::string with_unicode_spaces(std::string_view pattern) {
  constexpr std::string_view kSpaces = R"(\t-\r\x{85}\p{Z})";
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view two = pattern.substr(i, 2);
    if (two == R"(\s)") {
      out += in_class ? std::string(kSpaces) : fmt::format("[{}]", kSpaces);
      ++i;
    } else if (two == R"(\S)") {
      out += fmt::format("[^{}]", kSpaces);
      ++i;
    } else if (two[0] == '\\') {
      out += two;
      ++i;
    } else {
      if (pattern[i] == '[') in_class = true;
      if (pattern[i] == ']') in_class = false;
      out += pattern[i];
    }
  }
  return out;
}

// The text with every byte that is not part of a character replaced by SUBSTITUTE (a control
// character: neither letter, digit, space nor punctuation), so that offsets stay what they are.
std::string substituted(std::string_view text) {
  std::string out(text);
  for (size_t at = 0; at < text.size();) {
    const Utf8Step step = utf8_step(text.substr(at));
    if (step.state != Utf8State::valid) out.replace(at, step.length, step.length, '\x1A');
    at += step.length;
  }
  return out;
}

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

void PreTokenizer::FreeCode::operator()(void* code) const {
  pcre2_code_free(static_cast<pcre2_code*>(code));
}

Result<PreTokenizer> PreTokenizer::compile(std::span<const std::string_view> patterns) {
  PreTokenizer result;
  for (const std::string_view written : patterns) {
    const std::string pattern = with_unicode_spaces(written);
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code* code =
        pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                      PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY, &error, &offset, nullptr);
    if (code == nullptr) {
      return internal_error(fmt::format("pre-tokenizer pattern {} does not compile: error {} at {}",
                                        pattern, error, offset));
    }
    // Where the system allows no executable memory the interpreter does the same, slower.
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    result.codes_.emplace_back(code);
  }
  return result;
}

// One call of split: what PCRE2 needs a thread.
class PreTokenizer::Run {
 public:
  Run(const std::vector<Code>& codes, std::string_view shown, std::string_view text,
      FunctionRef<void(std::string_view)> emit)
      : codes_(codes),
        shown_(shown),
        text_(text),
        emit_(emit),
        data_(pcre2_match_data_create(1, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    // Work is linear in the piece by the patterns themselves; the default limit would end a match
    // in the middle of some millions of spaces.
    if (context_) pcre2_set_match_limit(context_.get(), UINT32_MAX);
  }

  // Cuts text_[begin, end) by the patterns from `level` on.
  void split(size_t level, size_t begin, size_t end) {
    if (begin == end) return;
    if (level == codes_.size() || !data_) {
      emit_(text_.substr(begin, end - begin));
      return;
    }
    size_t done = begin;
    for (size_t from = begin; from < end;) {
      // The subject ends with the piece: look-ahead does not see what other pieces hold.
      const int matches =
          pcre2_match(static_cast<const pcre2_code*>(codes_[level].get()),
                      reinterpret_cast<PCRE2_SPTR>(shown_.data() + begin), end - begin,
                      from - begin, PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
      if (matches < 0) break;  // no match or a limit: the rest stays one piece
      const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data_.get());
      const size_t match_begin = begin + ends[0];
      const size_t match_end = begin + ends[1];
      if (match_end <= from) break;
      split(level + 1, done, match_begin);
      split(level + 1, match_begin, match_end);
      from = done = match_end;
    }
    split(level + 1, done, end);
  }

 private:
  const std::vector<Code>& codes_;
  std::string_view shown_;  // what the patterns see
  std::string_view text_;
  FunctionRef<void(std::string_view)> emit_;
  std::unique_ptr<pcre2_match_data, FreeMatchData> data_;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context_;
};

void PreTokenizer::split(std::string_view text, FunctionRef<void(std::string_view)> emit) const {
  if (is_valid_utf8(text)) {
    Run(codes_, text, text, emit).split(0, 0, text.size());
    return;
  }
  const std::string shown = substituted(text);
  Run(codes_, shown, text, emit).split(0, 0, text.size());
}

}  // namespace ix::tokenizer
