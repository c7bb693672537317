#include "tokenize_command.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <iostream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/function_ref.h"
#include "prompt_source.h"
#include "session.h"
#include "terminal.h"

namespace ix::cli {
namespace {

using Json = nlohmann::json;

struct TokenizeOptions {
  std::string model;
  PromptSource source;
  bool special = false;
  bool no_bos = false;
  bool json = false;
  bool json_lines = false;
};

struct DetokenizeOptions {
  std::string model;
  std::vector<std::string> ids;
  bool special = false;
  bool json = false;
  bool json_lines = false;
};

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A line of standard input at a time; answers at once, so that another program can talk to it.
int for_each_line(FunctionRef<Result<std::string>(const std::string&)> answer) {
  std::ios::sync_with_stdio(false);
  std::string line;
  for (int64_t number = 1; std::getline(std::cin, line); ++number) {
    const auto out = answer(line);
    if (!out.ok()) {
      std::cout.flush();
      return report_error(out.status().with_context(fmt::format("line {}", number)));
    }
    std::cout << *out << '\n';
    if (std::cin.rdbuf()->in_avail() <= 0) std::cout.flush();
  }
  std::cout.flush();
  return kExitOk;
}

Result<std::vector<TokenId>> parse_json_ids(const std::string& text, int64_t vocab_size) {
  const Json ids = Json::parse(text, nullptr, false);
  if (!ids.is_array()) return invalid_argument("not a JSON array of token ids");
  std::vector<TokenId> out;
  for (const Json& id : ids) {
    if (!id.is_number_integer()) return invalid_argument("not a JSON array of token ids");
    const auto value = id.is_number_unsigned() && id.get<uint64_t>() > uint64_t{1} << 32
                           ? std::numeric_limits<int64_t>::max()
                           : id.get<int64_t>();
    if (value < 0 || value >= vocab_size) {
      return invalid_argument(
          fmt::format("token {}, but the vocabulary has {} tokens", id.dump(), vocab_size));
    }
    out.push_back(static_cast<TokenId>(value));
  }
  return out;
}

// Ids between spaces, commas or line ends; brackets are ignored, so a JSON array is fine too.
Result<std::vector<TokenId>> parse_ids(const std::string& text, int64_t vocab_size) {
  constexpr std::string_view kBetween = " \t\r\n,[]";
  std::vector<TokenId> out;
  size_t begin = text.find_first_not_of(kBetween);
  while (begin != std::string::npos) {
    const size_t end = std::min(text.find_first_of(kBetween, begin), text.size());
    int64_t id = 0;
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, id);
    if (error != std::errc() || stop != text.data() + end || id < 0) {
      return invalid_argument(fmt::format("'{}' is not a token id",
                                          text.substr(begin, std::min(end - begin, size_t{40}))));
    }
    if (id >= vocab_size) {
      return invalid_argument(
          fmt::format("token {}, but the vocabulary has {} tokens", id, vocab_size));
    }
    out.push_back(static_cast<TokenId>(id));
    begin = text.find_first_not_of(kBetween, end);
  }
  return out;
}

Result<std::string> text_to_tokenize(const PromptSource& source) {
  if (source.text && source.file) return invalid_argument("give -p or -f, not both");
  if (source.text) return *source.text;
  return read_text(source.file.value_or("-"));
}

int tokenize(const TokenizeOptions& options) {
  const auto vocabulary = Vocabulary::open(options.model);
  if (!vocabulary.ok()) return report_failure(vocabulary.status());
  const tokenizer::EncodeOptions encode{.add_special = !options.no_bos,
                                        .parse_special = options.special};
  const auto& tokenizer = vocabulary->tokenizer();
  if (options.json_lines) {
    return for_each_line([&](const std::string& line) -> Result<std::string> {
      const Json text = Json::parse(line, nullptr, false);
      if (!text.is_string()) return invalid_argument("not a JSON string");
      return dump(tokenizer.encode(text.get_ref<const std::string&>(), encode));
    });
  }
  const auto text = text_to_tokenize(options.source);
  if (!text.ok()) return report_failure(text.status());
  const auto ids = tokenizer.encode(*text, encode);
  const std::string out = options.json ? dump(ids) : fmt::format("{}", fmt::join(ids, " "));
  std::puts(out.c_str());
  return kExitOk;
}

int detokenize(const DetokenizeOptions& options) {
  const auto vocabulary = Vocabulary::open(options.model);
  if (!vocabulary.ok()) return report_failure(vocabulary.status());
  const auto& tokenizer = vocabulary->tokenizer();
  const tokenizer::DecodeOptions decode{.skip_control = !options.special,
                                        .strip_leading_space = true};
  if (options.json_lines) {
    return for_each_line([&](const std::string& line) -> Result<std::string> {
      IX_ASSIGN_OR_RETURN(const auto ids, parse_json_ids(line, tokenizer.vocab_size()));
      return dump(tokenizer.decode(ids, decode));
    });
  }
  std::string text = fmt::format("{}", fmt::join(options.ids, " "));
  if (options.ids.empty()) {
    auto input = read_text("-");
    if (!input.ok()) return report_error(input.status());
    text = std::move(input).value();
  }
  const auto ids = parse_ids(text, tokenizer.vocab_size());
  if (!ids.ok()) return report_error(ids.status(), kExitUsage);
  const std::string out = tokenizer.decode(*ids, decode);
  if (options.json) {
    std::puts(dump(out).c_str());
  } else {
    print_text(out);
    if (stdout_is_terminal()) print_text("\n");
  }
  return kExitOk;
}

}  // namespace

void add_tokenize_command(const Command& app) {
  auto options = std::make_shared<TokenizeOptions>();
  const Command command = app.add_command("tokenize", "Turn text into token ids");
  command.option("-m,--model", options->model, "Model or vocabulary, a GGUF file");
  command.option("-p,--prompt", options->source.text, "Text");
  command.option("-f,--file", options->source.file,
                 "File with the text; standard input when neither -p nor -f is given");
  command.flag("--special", options->special,
               "Control tokens written in the text become themselves");
  command.flag("--no-bos", options->no_bos, "Do not add BOS and EOS as the file asks");
  command.flag("--json", options->json, "Print a JSON array");
  command.flag("--jsonl", options->json_lines,
               "Many texts: a JSON string a line in, an array of ids a line out");
  command.footer(
      "Text is taken byte by byte: a newline at its end counts.\n"
      "\nExamples:\n"
      "  ix tokenize -m model.gguf -p \"Hello world\"\n"
      "  ix tokenize -m model.gguf -f chapter.txt --json\n"
      "  ix tokenize -m model.gguf --jsonl < texts.jsonl > ids.jsonl");
  command.action([options] { return tokenize(*options); });
}

void add_detokenize_command(const Command& app) {
  auto options = std::make_shared<DetokenizeOptions>();
  const Command command = app.add_command("detokenize", "Turn token ids into text");
  command.option("-m,--model", options->model, "Model or vocabulary, a GGUF file");
  command.option("ids", options->ids, "Token ids; standard input when there are none");
  command.flag("--special", options->special, "Show control tokens");
  command.flag("--json", options->json, "Print a JSON string");
  command.flag("--jsonl", options->json_lines,
               "Many texts: an array of ids a line in, a JSON string a line out");
  command.footer(
      "Examples:\n"
      "  ix detokenize -m model.gguf 9259 1902\n"
      "  ix tokenize -m model.gguf -f a.txt | ix detokenize -m model.gguf\n"
      "  ix detokenize -m model.gguf --jsonl < ids.jsonl");
  command.action([options] { return detokenize(*options); });
}

}  // namespace ix::cli
