// dequantize_tool TYPE_ID: blocks of the type on stdin, floats on stdout.
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "quant/dequantize.h"

int main(int argc, char** argv) {
  using namespace ix::quant;
  if (argc != 2) return 2;
  const auto type = static_cast<TensorType>(std::strtoul(argv[1], nullptr, 10));
  const TypeTraits* traits = find_traits(type);
  if (traits == nullptr) return 2;
  std::vector<std::byte> src;
  std::byte chunk[1 << 16];
  for (size_t count = 0; (count = std::fread(chunk, 1, sizeof(chunk), stdin)) > 0;) {
    src.insert(src.end(), chunk, chunk + count);
  }
  const size_t blocks = src.size() / static_cast<size_t>(traits->block_bytes);
  std::vector<float> dst(blocks * static_cast<size_t>(traits->block_weights));
  const ix::Status status = dequantize_row(type, src, dst);
  if (!status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  }
  return std::fwrite(dst.data(), sizeof(float), dst.size(), stdout) == dst.size() ? 0 : 1;
}
