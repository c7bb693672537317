#include "gguf/mapped_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace ix::gguf {
namespace {

Status system_status(const std::string& path, std::string_view action, int error) {
  const std::string reason = std::generic_category().message(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return not_found(fmt::format("{}: no such file", path));
    case EACCES:
    case EPERM:
      return {
          StatusCode::permission_denied,
          fmt::format("{}: no permission to read it; check its mode and its directories'", path)};
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return resource_exhausted(fmt::format("{}: cannot {}: {}", path, action, reason));
    default:
      return invalid_argument(fmt::format("{}: cannot {}: {}", path, action, reason));
  }
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<MappedFile> MappedFile::open(const std::string& path) {
  if (path.empty()) return invalid_argument("the path of the model is empty");
  // Nonblocking, so that a FIFO does not wait for its writer.
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) return system_status(path, "open it", errno);
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return system_status(path, "read its size", errno);
  if (S_ISDIR(info.st_mode)) {
    return invalid_argument(fmt::format("{}: is a directory, expected a GGUF file", path));
  }
  if (!S_ISREG(info.st_mode)) {
    return invalid_argument(fmt::format("{}: is not a regular file, expected a GGUF file", path));
  }
  if (info.st_size <= 0) return corrupt(fmt::format("{}: the file is empty", path));
  const auto size = static_cast<size_t>(info.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (address == MAP_FAILED) return system_status(path, "map it", errno);
  return MappedFile({static_cast<const std::byte*>(address), size});
}

MappedFile::MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  return *this;
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void MappedFile::release(std::span<const std::byte> part) const {
  const auto begin = reinterpret_cast<uintptr_t>(bytes_.data());
  const auto first = reinterpret_cast<uintptr_t>(part.data());
  if (first < begin || first - begin > bytes_.size() ||
      part.size() > bytes_.size() - (first - begin)) {
    return;
  }
  // The mapping begins at a page.
  static const auto kPage = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const size_t from = (first - begin + kPage - 1) / kPage * kPage;
  const size_t to = (first - begin + part.size()) / kPage * kPage;
  if (from < to) {
    ::madvise(const_cast<std::byte*>(bytes_.data()) + from, to - from, MADV_DONTNEED);
  }
}

}  // namespace ix::gguf
