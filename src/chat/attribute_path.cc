#include "chat/attribute_path.h"

#include <algorithm>

#include "chat/access.h"
#include "chat/format_spec.h"
#include "chat/text.h"

namespace ix::chat::jinja {

AttributePath::AttributePath(Runtime& runtime, const Value& attribute) {
  if (attribute.is_none()) return;
  if (!attribute.is_string()) {
    parts_.push_back(attribute);
    return;
  }
  for (std::string_view part : split_on(attribute.text(), ".", -1)) {
    bool number = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    size_t position = 0;
    parts_.push_back(number
                         ? Value::integer(static_cast<int64_t>(parse_format_number(part, position)))
                         : runtime.string(part));
  }
}

Value AttributePath::read(Runtime& runtime, const Value& item,
                          const std::optional<Value>& otherwise) const {
  Value value = item;
  for (const Value& part : parts_) {
    value = get_item(runtime, value, part);
    if (otherwise && value.is_undefined()) value = *otherwise;
  }
  return value;
}

Value ignore_case(Runtime& runtime, const Value& value) {
  return value.is_string() ? runtime.string(to_lower(value.text())) : value;
}

}  // namespace ix::chat::jinja
