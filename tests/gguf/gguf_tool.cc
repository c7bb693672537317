// The reader and the writer as a program, for tests in Python.
//   gguf_tool dump FILE                 metadata and tensors as one JSON object
//   gguf_tool copy FROM TO [TENSORS]    reads a model and writes it again, split after TENSORS
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <type_traits>

#include "gguf/gguf_file.h"
#include "gguf/gguf_writer.h"
#include "quant/tensor_type.h"

namespace {

using ix::gguf::GgufFile;
using nlohmann::json;

json to_json(const ix::gguf::Value& value) {
  return std::visit(
      [](const auto& held) -> json {
        if constexpr (requires { held.items; }) {
          return held.items;
        } else {
          return held;
        }
      },
      value);
}

int fail(const ix::Status& status) {
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}

int dump(const GgufFile& file) {
  json metadata = json::array();
  for (const auto& entry : file.metadata().entries()) {
    metadata.push_back({std::string(entry.key), to_json(entry.value)});
  }
  json tensors = json::array();
  for (const auto& view : file.tensors()) {
    tensors.push_back({{"name", view.name},
                       {"type", ix::quant::type_name(view.type)},
                       {"dims", view.dims},
                       {"size", view.bytes.size()}});
  }
  const json out = {{"version", file.version()}, {"metadata", metadata}, {"tensors", tensors}};
  std::puts(out.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
  return 0;
}

ix::Status copy(const GgufFile& file, const std::string& path, uint64_t max_part_tensors) {
  ix::gguf::WriterOptions options;
  options.max_part_tensors = max_part_tensors;
  if (const auto alignment = file.metadata().get_int("general.alignment"); alignment.ok()) {
    options.alignment = static_cast<uint64_t>(*alignment);
  }
  ix::gguf::GgufWriter writer(options);
  for (const auto& entry : file.metadata().entries()) {
    if (entry.key == "general.alignment" || entry.key.starts_with("split.")) continue;
    IX_RETURN_IF_ERROR(writer.add(entry));
  }
  for (const auto& view : file.tensors()) {
    IX_RETURN_IF_ERROR(writer.add_tensor(view.name, view.type, view.dims));
  }
  IX_RETURN_IF_ERROR(writer.begin(path));
  for (const auto& view : file.tensors()) {
    IX_RETURN_IF_ERROR(writer.append(view.name, view.bytes));
  }
  return writer.finish();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc > 2 ? argv[1] : "";
  const bool dumps = command == "dump" && argc == 3;
  const bool copies = command == "copy" && (argc == 4 || argc == 5);
  if (!dumps && !copies) return 2;
  const auto file = GgufFile::open(argv[2]);
  if (!file.ok()) return fail(file.status());
  if (dumps) return dump(**file);
  const auto status = copy(**file, argv[3], argc == 5 ? std::strtoull(argv[4], nullptr, 10) : 0);
  return status.ok() ? 0 : fail(status);
}
