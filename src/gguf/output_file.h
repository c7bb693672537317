// A file that appears under its name only when it is whole: written as PATH.partial, then renamed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ix::gguf {

class OutputFile {
 public:
  static Result<OutputFile> create(const std::string& path);
  OutputFile(OutputFile&&) = default;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();  // removes PATH.partial unless the file was kept

  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view bytes) { return write(std::as_bytes(std::span(bytes))); }
  Status pad(uint64_t zeros);
  // The same as a hole, which takes no room on disks whose file system knows holes.
  Status skip(uint64_t zeros);

  // Everything is on its way to the disk; nothing can be written any more.
  Status close();
  // After close(): gives the file its name, over a file that had it.
  Status keep();

  const std::string& path() const { return path_; }

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  OutputFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  std::string path_;  // empty when moved from or kept
  std::unique_ptr<std::FILE, Closer> file_;
  bool ends_in_hole_ = false;
};

}  // namespace ix::gguf
