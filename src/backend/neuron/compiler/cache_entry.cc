#include "backend/neuron/compiler/cache_entry.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "backend/neuron/compiler/json_fields.h"

namespace ix::backend::neuron {
namespace {

// Fields behind each other, each with its length, so that no two programs read the same.
void append_field(std::string& text, std::string_view field) {
  text += fmt::format("{}:", field.size());
  text += field;
}

bool is_hash(const std::string& text) {
  return text.size() == 32 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

std::string CacheEntry::directory_name() const {
  std::string name = program_key + "-" + compiler;
  for (char& c : name) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '.' || c == '+' || c == '-';
    if (!plain) c = '_';
  }
  return name;
}

std::string hash_text(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::string program_key(std::string_view hlo, const std::vector<std::string>& flags,
                        std::string_view target, int32_t world) {
  std::string text;
  append_field(text, hash_text(hlo));
  append_field(text, target);
  append_field(text, std::to_string(world));
  for (const std::string& flag : flags) append_field(text, flag);
  return hash_text(text);
}

std::string to_json(const CacheEntry& entry) {
  Json json;
  json["program_key"] = entry.program_key;
  json["compiler"] = entry.compiler;
  json["module"] = entry.module_name;
  json["target"] = entry.target;
  json["flags"] = entry.flags;
  json["world"] = entry.world;
  json["neff_bytes"] = entry.neff_bytes;
  json["checksum"] = entry.checksum;
  json["created"] = entry.created;
  json["compile_seconds"] = entry.compile_seconds;
  return written(json);
}

Result<CacheEntry> entry_from_json(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  CacheEntry entry;
  const bool complete =
      json.is_object() && read_field(json, "program_key", &Json::is_string, entry.program_key) &&
      read_field(json, "compiler", &Json::is_string, entry.compiler) &&
      read_field(json, "module", &Json::is_string, entry.module_name) &&
      read_field(json, "target", &Json::is_string, entry.target) &&
      read_texts(json, "flags", entry.flags) &&
      read_field(json, "world", &Json::is_number_integer, entry.world) &&
      read_field(json, "neff_bytes", &Json::is_number_unsigned, entry.neff_bytes) &&
      read_field(json, "checksum", &Json::is_string, entry.checksum) &&
      read_field(json, "created", &Json::is_number_integer, entry.created) &&
      read_field(json, "compile_seconds", &Json::is_number, entry.compile_seconds);
  if (!complete || !is_hash(entry.program_key) || !is_hash(entry.checksum)) {
    return corrupt("its description is incomplete");
  }
  return entry;
}

}  // namespace ix::backend::neuron
