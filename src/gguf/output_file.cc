#include "gguf/output_file.h"

#include <fmt/format.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace ix::gguf {
namespace {

std::string partial(const std::string& path) { return path + ".partial"; }

Status write_error(const std::string& path, int error) {
  const std::string reason = std::generic_category().message(error);
  const std::string message = fmt::format("{}: cannot write it: {}", path, reason);
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return {StatusCode::permission_denied, message};
    case ENOENT:
    case ENOTDIR:
      return not_found(fmt::format("{}: cannot write it: no such directory", path));
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
      return resource_exhausted(message);
    default:
      return invalid_argument(message);
  }
}

}  // namespace

Result<OutputFile> OutputFile::create(const std::string& path) {
  if (path.empty()) return invalid_argument("the path to write to is empty");
  std::FILE* file = std::fopen(partial(path).c_str(), "wbe");
  if (file == nullptr) return write_error(path, errno);
  return OutputFile(path, file);
}

OutputFile::~OutputFile() {
  if (!path_.empty()) std::remove(partial(path_).c_str());
}

Status OutputFile::write(std::span<const std::byte> bytes) {
  if (bytes.empty()) return ok_status();
  ends_in_hole_ = false;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size()) return ok_status();
  return write_error(path_, errno);
}

Status OutputFile::pad(uint64_t zeros) {
  static constexpr std::array<std::byte, 4096> kZeros = {};
  while (zeros > 0) {
    const uint64_t count = std::min<uint64_t>(zeros, kZeros.size());
    IX_RETURN_IF_ERROR(write(std::span(kZeros).first(count)));
    zeros -= count;
  }
  return ok_status();
}

Status OutputFile::skip(uint64_t zeros) {
  if (zeros == 0) return ok_status();
  ends_in_hole_ = true;
  if (::fseeko(file_.get(), static_cast<off_t>(zeros), SEEK_CUR) == 0) return ok_status();
  return write_error(path_, errno);
}

Status OutputFile::close() {
  if (file_ == nullptr) return invalid_argument(path_ + ": writing it has ended before");
  if (ends_in_hole_ && ::ftruncate(::fileno(file_.get()), ::ftello(file_.get())) != 0) {
    return write_error(path_, errno);
  }
  if (std::fclose(file_.release()) == 0) return ok_status();
  return write_error(path_, errno);
}

Status OutputFile::keep() {
  if (std::rename(partial(path_).c_str(), path_.c_str()) != 0) return write_error(path_, errno);
  path_.clear();
  return ok_status();
}

}  // namespace ix::gguf
