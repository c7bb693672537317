#include "tokenizer/vocabulary_files.h"

#include <filesystem>

#include "support/paths.h"

namespace ix::tokenizer {

std::string vocabulary_path(const std::string& name) {
  return paths::cached("vocab/ggml-vocab-" + name + ".gguf");
}

Result<LoadedTokenizer> load_tokenizer(const std::string& name) {
  std::string path = vocabulary_path(name);
  if (!std::filesystem::exists(path)) path = paths::cached("models/" + name + ".gguf");
  LoadedTokenizer loaded;
  IX_ASSIGN_OR_RETURN(loaded.file, gguf::GgufFile::open(path));
  IX_ASSIGN_OR_RETURN(loaded.tokenizer, Tokenizer::create(loaded.file->metadata()));
  return loaded;
}

}  // namespace ix::tokenizer
