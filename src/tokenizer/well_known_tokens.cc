#include "tokenizer/well_known_tokens.h"

namespace ix::tokenizer {
namespace {

constexpr std::string_view kEot[] = {
    "<|eot_id|>",         "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
    "<|end_of_text|>",    "<EOT>",      "_<EOT>",  "[EOT]",         "<｜end▁of▁sentence｜>",
    "<end_of_utterance>",
};
constexpr std::string_view kEom[] = {"<|eom_id|>"};
// Parts of fill-in-the-middle prompts.
constexpr std::string_view kPrefix[] = {
    "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>",    "<｜fim▁begin｜>",
    "<PRE>",          "▁<PRE>",       "<|code_prefix|>", "<|prefix|>",
};
constexpr std::string_view kSuffix[] = {
    "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>",    "<｜fim▁hole｜>",
    "<SUF>",          "▁<SUF>",       "<|code_suffix|>", "<|suffix|>",
};
constexpr std::string_view kMiddle[] = {
    "<|fim_middle|>", "<fim-middle>", "<fim_middle>",    "<｜fim▁end｜>",
    "<MID>",          "▁<MID>",       "<|code_middle|>", "<|middle|>",
};
constexpr std::string_view kPadding[] = {"<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"};
constexpr std::string_view kRepository[] = {"<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>",
                                            "<reponame>"};
constexpr std::string_view kFileSeparator[] = {"<|file_sep|>"};

constexpr WellKnownToken kRoles[] = {
    {{"tokenizer.ggml.eot_token_id", ""}, kEot, true},
    {{"tokenizer.ggml.eom_token_id", ""}, kEom, true},
    {{"tokenizer.ggml.prefix_token_id", "tokenizer.ggml.fim_pre_token_id"}, kPrefix, false},
    {{"tokenizer.ggml.suffix_token_id", "tokenizer.ggml.fim_suf_token_id"}, kSuffix, false},
    {{"tokenizer.ggml.middle_token_id", "tokenizer.ggml.fim_mid_token_id"}, kMiddle, false},
    {{"tokenizer.ggml.fim_pad_token_id", ""}, kPadding, true},
    {{"tokenizer.ggml.fim_rep_token_id", ""}, kRepository, true},
    {{"tokenizer.ggml.fim_sep_token_id", ""}, kFileSeparator, true},
};

constexpr std::string_view kEnds[] = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|flush|>",
    "<|calls|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "</s>",
    "<|eom_id|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "[EOS]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<eos>",
    "<turn|>",
    "<|tool_response>",
    "<｜end▁of▁sentence｜>",
    "[e~[",
};

constexpr std::string_view kVisible[] = {"<|channel|>", "<|message|>", "<|start|>",
                                         "<|constrain|>"};

// In o200k_harmony and solar-open <|end|> closes a message, not the answer. Where the answer ends
// with <|tool_response> or <|plamo:eos|>, </s> is a tag of HTML.
constexpr EndException kExceptions[] = {
    {"<|end|>", {"<|return|>", "<|call|>"}, kUserDefined},
    {"<|end|>", {"<|return|>", "<|calls|>"}, kUserDefined},
    {"<|end|>", {"<|call|>", "<|flush|>"}, kUserDefined},
    {"<|end|>", {"<|calls|>", "<|flush|>"}, kUserDefined},
    {"</s>", {"<|tool_response>", ""}, kNormal},
    {"</s>", {"<|plamo:eos|>", ""}, kNormal},
};

}  // namespace

const std::span<const WellKnownToken> kWellKnownTokens = kRoles;
const std::span<const std::string_view> kEndTexts = kEnds;
const std::span<const std::string_view> kVisibleTexts = kVisible;
const std::span<const EndException> kEndExceptions = kExceptions;

}  // namespace ix::tokenizer
