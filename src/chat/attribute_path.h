// The "a.b.0" paths that filters take as `attribute`.
#pragma once

#include <optional>
#include <vector>

#include "chat/runtime.h"
#include "chat/value.h"

namespace ix::chat::jinja {

class AttributePath {
 public:
  // none: the item itself.
  AttributePath(Runtime& runtime, const Value& attribute);
  // Missing parts become `otherwise` where there is one.
  Value read(Runtime& runtime, const Value& item,
             const std::optional<Value>& otherwise = std::nullopt) const;

 private:
  Values parts_;
};

// Strings in lower case, all else as it is: the keys of filters that ignore case.
Value ignore_case(Runtime& runtime, const Value& value);

}  // namespace ix::chat::jinja
