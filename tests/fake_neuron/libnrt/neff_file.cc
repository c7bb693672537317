#include "fake_neuron/libnrt/neff_file.h"

#include <xxhash.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

namespace ix::fake_nrt {
namespace {

using backend::xla::hlo::ElementType;
using Json = nlohmann::json;

constexpr size_t kHeaderBytes = 1024;
constexpr size_t kTarBlock = 512;
constexpr uint64_t kNewestMajor = 2;

uint64_t u64_at(std::span<const std::byte> bytes, size_t offset) {
  uint64_t value = 0;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

Result<std::string> unzipped(std::span<const std::byte> body) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return internal_error("zlib");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  std::string out;
  std::array<char, 65536> piece;
  int state = Z_OK;
  while (state == Z_OK) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = piece.size();
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(piece.data(), piece.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END) return corrupt("the NEFF's payload is damaged");
  return out;
}

Result<std::map<std::string, std::string>> tar_files(std::string_view tar) {
  std::map<std::string, std::string> files;
  for (size_t at = 0; at + kTarBlock <= tar.size() && tar[at] != '\0';) {
    const std::string name(tar.data() + at, ::strnlen(tar.data() + at, 100));
    const size_t size = std::strtoull(std::string(tar.substr(at + 124, 12)).c_str(), nullptr, 8);
    at += kTarBlock;
    if (size > tar.size() - at) return corrupt("the NEFF's payload is cut off");
    files[name] = std::string(tar.substr(at, size));
    at += (size + kTarBlock - 1) / kTarBlock * kTarBlock;
  }
  return files;
}

Result<ElementType> element_type(const std::string& name) {
  for (const ElementType type :
       {ElementType::pred, ElementType::s8, ElementType::s16, ElementType::s32, ElementType::s64,
        ElementType::u8, ElementType::u16, ElementType::u32, ElementType::u64, ElementType::f16,
        ElementType::f32, ElementType::bf16}) {
    if (name == to_text(type)) return type;
  }
  return unsupported("element type " + name);
}

Result<std::vector<NeffTensor>> tensors(const Json& list) {
  std::vector<NeffTensor> found;
  for (const Json& item : list) {
    NeffTensor tensor;
    tensor.name = item.at("name").get<std::string>();
    IX_ASSIGN_OR_RETURN(tensor.shape.type, element_type(item.at("type").get<std::string>()));
    tensor.shape.dims = item.at("dims").get<std::vector<int64_t>>();
    tensor.bytes = item.at("bytes").get<size_t>();
    found.push_back(std::move(tensor));
  }
  return found;
}

Result<Neff> from_signature(const std::string& text) {
  Neff neff;
  try {
    const Json json = Json::parse(text);
    neff.module = json.at("module").get<std::string>();
    neff.target = json.at("target").get<std::string>();
    IX_ASSIGN_OR_RETURN(neff.inputs, tensors(json.at("inputs")));
    IX_ASSIGN_OR_RETURN(neff.outputs, tensors(json.at("outputs")));
    for (const Json& alias : json.at("aliases")) {
      neff.aliases.push_back(
          {alias.at("output").get<size_t>(), alias.at("parameter").get<size_t>()});
    }
    neff.collectives = json.at("collectives").get<bool>();
    neff.replica_groups = json.at("replica_groups").get<int>();
  } catch (const Json::exception& error) {
    return corrupt(error.what());
  }
  return neff;
}

}  // namespace

int Neff::parameter_of(size_t output) const {
  for (const NeffAlias& alias : aliases) {
    if (alias.output == output) return static_cast<int>(alias.parameter);
  }
  return -1;
}

Result<Neff> read_neff(std::span<const std::byte> file) {
  if (file.size() < kHeaderBytes) return corrupt("the NEFF is shorter than its header");
  if (u64_at(file, 8) != kHeaderBytes || u64_at(file, 16) != file.size() - kHeaderBytes) {
    return corrupt("the NEFF's header does not fit its size");
  }
  if (u64_at(file, 24) > kNewestMajor || u64_at(file, 544) != 0) {
    return unsupported("NEFF version mismatch supported: 2.0 received: " +
                       std::to_string(u64_at(file, 24)));
  }
  const auto body = file.subspan(kHeaderBytes);
  std::string tar(reinterpret_cast<const char*>(body.data()), body.size());
  if (tar.starts_with("\x1f\x8b")) {
    IX_ASSIGN_OR_RETURN(tar, unzipped(body));
  }
  IX_ASSIGN_OR_RETURN(auto files, tar_files(tar));
  if (!files.contains("signature.json") || !files.contains("module.pb")) {
    return corrupt("the NEFF's payload is not of the fake compiler");
  }
  IX_ASSIGN_OR_RETURN(Neff neff, from_signature(files.at("signature.json")));
  if (neff.target != "inf2") return unsupported("the NEFF is for " + neff.target + ", not inf2");
  neff.hlo = std::move(files.at("module.pb"));
  neff.hash = std::to_string(XXH3_64bits(file.data(), file.size()));
  return neff;
}

}  // namespace ix::fake_nrt
