# cmake -D INPUT=file -D OUTPUT=header.h -D NAME=kName -D NAMESPACE=a::b -P EmbedText.cmake
# A header that defines the file's text as a constant. The text has no line )text".
file(READ ${INPUT} text)
file(WRITE ${OUTPUT} "#pragma once

#include <string_view>

namespace ${NAMESPACE} {

inline constexpr std::string_view ${NAME} = R\"text(${text})text\";

}  // namespace ${NAMESPACE}
")
