#include <algorithm>
#include <iterator>

#include "tokenizer/pre_tokenizer.h"

// The regular expressions are those of the models' own tokenizers, in the form and order in which
// llama.cpp (src/llama-vocab.cpp, b11434) applies them; the vocabularies' test vectors hold both to
// the same result. Where it differs from the original, its reading is kept:
// - classes of literal characters do not have white space in them, \s stands for all of it;
// - letters outside ASCII are upper and lower case at once (gpt-4o, tekken).
// Nothing here may backtrack over more than one run of characters: see PreTokenizer::Run.

namespace ix::tokenizer {
namespace {

#define IX_CONTRACTION R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]))"
#define IX_WORD R"([^\r\n\p{L}\p{N}]?\p{L}+)"
#define IX_SYMBOLS R"( ?[^\s\p{L}\p{N}]+[\r\n]*)"
#define IX_LINES_AND_SPACES R"(\s*[\r\n]+|\s+(?!\S)|\s+)"

constexpr std::string_view kGpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwen2Words =
    IX_CONTRACTION "|" IX_WORD "|\\p{N}|" IX_SYMBOLS "|" IX_LINES_AND_SPACES;

constexpr std::string_view kGpt2[] = {kGpt2Words};
constexpr std::string_view kStarcoder[] = {R"(\p{N})", kGpt2Words};
constexpr std::string_view kLlama3[] = {IX_CONTRACTION "|" IX_WORD "|\\p{N}{1,3}|" IX_SYMBOLS
                                                       "|" IX_LINES_AND_SPACES};
constexpr std::string_view kQwen2[] = {kQwen2Words};
constexpr std::string_view kQwen35[] = {
    IX_CONTRACTION
    R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" IX_LINES_AND_SPACES};
constexpr std::string_view kUfakzeka[] = {IX_WORD "|\\p{N}|" IX_SYMBOLS "|" IX_LINES_AND_SPACES};
constexpr std::string_view kLaguna[] = {R"([^\n]+|\n+)", kQwen2Words};
constexpr std::string_view kMinicpm5[] = {
    R"(\p{N}{1,3})", IX_CONTRACTION "|" IX_WORD "|\\p{N}+|" IX_SYMBOLS "|" IX_LINES_AND_SPACES};
constexpr std::string_view kSeedCoder[] = {
    IX_CONTRACTION "|" IX_WORD R"(|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|)" IX_LINES_AND_SPACES};
constexpr std::string_view kBailingMoe[] = {R"('(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|)" IX_WORD
                                            "|\\p{N}|" IX_SYMBOLS R"(|\s*[\r\n]|\s+(?!\S)|\s+)"};
constexpr std::string_view kJais2[] = {
    IX_CONTRACTION
    "|" IX_WORD "|\\p{N}{1,3}|" IX_SYMBOLS R"(|\s*[\r\n]+)"
    R"(|\s{512}(?!\S)|\s{256}(?!\S)|\s{128}(?!\S)|\s{64}(?!\S)|\s{32}(?!\S)|\s{16}(?!\S))"
    R"(|\s{8}(?!\S)|\s{4}(?!\S)|\s{1,2}(?!\S)|\s)"};
constexpr std::string_view kGpt4o[] = {
    R"([^\r\n\p{L}\p{N}]?[^\P{L}a-z]*[^\P{L}A-Z]+)" IX_CONTRACTION
    R"(?|[^\r\n\p{L}\p{N}]?[^\P{L}a-z]+[^\P{L}A-Z]*)" IX_CONTRACTION
    R"(?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" IX_LINES_AND_SPACES};
constexpr std::string_view kTekken[] = {
    R"([^\r\n\p{L}\p{N}]?[^\P{L}a-z]*[^\P{L}A-Z]+|[^\r\n\p{L}\p{N}]?[^\P{L}a-z]+[^\P{L}A-Z]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|)" IX_LINES_AND_SPACES};
constexpr std::string_view kFalcon[] = {R"([\p{P}\$\+<=>\^~\|`]+)", kGpt2Words, "[0-9][0-9][0-9]"};
constexpr std::string_view kDefault[] = {R"([\p{P}\$\+<=>\^~\|]+)", kGpt2Words, R"(\p{N}+)",
                                         "[0-9][0-9][0-9]"};
constexpr std::string_view kBloom[] = {
    R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C})]+)"};
constexpr std::string_view kViking[] = {kBloom[0], R"(\p{N})"};

constexpr std::string_view kCjkRanges =
    R"([\x{4E00}-\x{9FA5}\x{800}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027}\x{202A}-\x{202E})"
    R"(\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{4E00}\x{AC00}-\x{D7FF}]+)";
constexpr std::string_view kDeepseekCoder[] = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)",
                                               kCjkRanges, R"(\p{N})"};
// Look-behind, so that a run of spaces is tried once and not once a space.
constexpr std::string_view kTrailingSpaces = R"((?<!\s)\s+$)";
constexpr std::string_view kDeepseekLetters =
    R"(\s?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293})"
    R"(\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386})"
    R"(\x{388}-\x{38A}\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F})"
    R"(\x{531}-\x{556}\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA})"
    R"(\x{1CBD}-\x{1CBF}\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15})"
    R"(\x{1F18}-\x{1F1D}\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B})"
    R"(\x{1F5D}\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4})"
    R"(\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4})"
    R"(\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124})"
    R"(\x{2126}\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F})"
    R"(\x{2145}-\x{2149}\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4})"
    R"(\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3}\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F})"
    R"(\x{A771}-\x{A787}\x{A78B}-\x{A78E}\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17})"
    R"(\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{10400}-\x{1044F}\x{104B0}-\x{104D3})"
    R"(\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2}\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF})"
    R"(\x{1E900}-\x{1E943}]+)";
constexpr std::string_view kDeepseekPunctuation =
    R"(\s?[\x{21}-\x{2F}\x{3A}-\x{7E}\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F})"
    R"(\x{3001}-\x{3002}]+)";
constexpr std::string_view kDeepseekLlm[] = {
    R"([\r\n])", kDeepseekLetters, kDeepseekPunctuation, kTrailingSpaces, kCjkRanges, R"(\p{N}+)"};
#define IX_DEEPSEEK3_WORDS                             \
  R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+)" \
  R"(|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+)"
constexpr std::string_view kHanAndKana =
    R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)";
constexpr std::string_view kDeepseek3[] = {R"(\p{N}{1,3})", kHanAndKana,
                                           IX_DEEPSEEK3_WORDS "[\r\n]*|" IX_LINES_AND_SPACES};
constexpr std::string_view kSpark25[] = {R"(\p{N}{1,3})", kHanAndKana,
                                         IX_DEEPSEEK3_WORDS R"(|[\r\n]|\s+(?!\S)|\s+)", R"(\p{N})"};
constexpr std::string_view kChameleon[] = {"<sentinel:[0-9]+>",       "IMGIMG[A-I]{1,4}Z",
                                           R"([\t\n]|    |  )",       R"(\p{N})",
                                           R"([\p{P}!-/:-@\[-`{-~])", kGpt2Words};

constexpr PreTokenizerSpec kTable[] = {
    {"default", kDefault},
    {"llama3", kLlama3, true, true},
    {"llama-v3", kLlama3, true, true},
    {"llama-bpe", kLlama3, true, true},
    {"falcon3", kLlama3, true, true},
    {"falcon-h1", kLlama3, true, true},
    {"pixtral", kLlama3, true, true},
    {"midm-2.0", kLlama3, true, true},
    {"lfm2", kLlama3, true, true},
    {"dbrx", kLlama3},
    {"smaug-bpe", kLlama3},
    {"chatglm-bpe", kLlama3},
    {"glm4", kLlama3, true, false},
    {"glm5", kLlama3, true, false},
    {"qwen2", kQwen2},
    {"deepseek-r1-qwen", kQwen2},
    {"kormo", kQwen2},
    {"stablelm2", kQwen2},
    {"megrez", kQwen2},
    {"hunyuan", kQwen2},
    {"solar-open", kQwen2},
    {"grok-2", kQwen2},
    {"qwen35", kQwen35},
    {"ufakzeka", kUfakzeka},
    {"laguna", kLaguna},
    {"minicpm5", kMinicpm5, true, false},
    {"seed-coder", kSeedCoder},
    {"bailingmoe", kBailingMoe},
    {"bailingmoe2", kBailingMoe},
    {"llada-moe", kBailingMoe},
    {"jais-2", kJais2},
    {"gpt-4o", kGpt4o},
    {"llama4", kGpt4o},
    {"kanana2", kGpt4o},
    {"talkie", kGpt4o},
    {"minimax-m2", kGpt4o},
    {"tekken", kTekken, true, true},
    {"gpt-2", kGpt2},
    {"phi-2", kGpt2},
    {"gigachat", kGpt2},
    {"a.x-4.0", kGpt2},
    {"mellum", kGpt2},
    {"exaone4", kGpt2},
    {"mpt", kGpt2},
    {"olmo", kGpt2},
    {"jais", kGpt2},
    {"trillion", kGpt2},
    {"granite-docling", kGpt2},
    {"starcoder", kStarcoder},
    {"refact", kStarcoder},
    {"command-r", kStarcoder},
    {"smollm", kStarcoder},
    {"codeshell", kStarcoder},
    {"exaone", kStarcoder},
    {"minerva-7b", kStarcoder},
    {"mellum2", kStarcoder},
    {"falcon", kFalcon},
    {"deepseek-llm", kDeepseekLlm},
    {"deepseek-coder", kDeepseekCoder},
    {"deepseek-v3", kDeepseek3},
    {"hunyuan-dense", kDeepseek3},
    {"joyai-llm", kDeepseek3},
    {"hy_v4", kDeepseek3},
    {"spark2_5", kSpark25},
    {"poro-chat", kBloom},
    {"bloom", kBloom},
    {"gpt3-finnish", kBloom},
    {"viking", kViking},
    {"chameleon", kChameleon, false, true},
};

}  // namespace

std::span<const PreTokenizerSpec> all_pre_tokenizers() { return kTable; }

const PreTokenizerSpec* find_pre_tokenizer(std::string_view name) {
  const auto* found = std::find_if(std::begin(kTable), std::end(kTable),
                                   [&](const PreTokenizerSpec& spec) { return spec.name == name; });
  return found == std::end(kTable) ? nullptr : found;
}

}  // namespace ix::tokenizer
