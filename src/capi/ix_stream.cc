// ix.h: streams.
#include <fmt/format.h>

#include <cstddef>
#include <memory>

#include "capi/last_error.h"
#include "capi/options.h"
#include "capi/runtime.h"
#include "ix/ix.h"

namespace ix::capi {

template <>
struct FieldEnds<ix_stream_options> {
  static constexpr size_t kEnds[] = {offsetof(ix_stream_options, threads),
                                     offsetof(ix_stream_options, reserved),
                                     sizeof(ix_stream_options)};
};

namespace {

Status create(const ix_stream_options* options, ix_stream** stream) {
  if (stream == nullptr) return invalid_argument("stream is NULL");
  IX_ASSIGN_OR_RETURN(const ix_stream_options known, read_options("ix_stream_options", options));
  if (known.threads < 0) {
    return invalid_argument(fmt::format("threads is {}; it may not be negative", known.threads));
  }
  if (known.reserved != 0) return unsupported("reserved is not 0");
  IX_RETURN_IF_ERROR(Runtime::get().machine().status());
  *stream = Runtime::get().streams.insert(std::make_shared<Stream>(known.threads));
  return ok_status();
}

Status synchronize(ix_stream* stream) {
  if (stream == nullptr) return ok_status();
  IX_ASSIGN_OR_RETURN(const std::shared_ptr<Stream> found, Runtime::get().find(stream));
  return found->synchronize();
}

Status destroy(ix_stream* stream) {
  if (stream == nullptr) return ok_status();
  const std::shared_ptr<Stream> found = Runtime::get().streams.remove(stream);
  if (found == nullptr) return Runtime::get().find(stream).status();
  return found->close(Stream::Pending::finish);
}

}  // namespace
}  // namespace ix::capi

extern "C" {

ix_status ix_stream_create(const ix_stream_options* options, ix_stream** stream) {
  return ix::capi::guarded("ix_stream_create", [&] { return ix::capi::create(options, stream); });
}

ix_status ix_stream_synchronize(ix_stream* stream) {
  return ix::capi::guarded("ix_stream_synchronize", [&] { return ix::capi::synchronize(stream); });
}

ix_status ix_stream_destroy(ix_stream* stream) {
  return ix::capi::guarded("ix_stream_destroy", [&] { return ix::capi::destroy(stream); });
}
}
