// Names from files in messages: quoted, shortened, and without bytes that a terminal would obey.
#pragma once

#include <string>
#include <string_view>

namespace ix::gguf {

// 'text' with everything but printable ASCII as \xNN; cut with "..." after 80 bytes.
std::string quoted(std::string_view text);

}  // namespace ix::gguf
