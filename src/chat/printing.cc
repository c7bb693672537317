#include "chat/printing.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

#include "chat/text.h"

namespace ix::chat::jinja {
namespace {

void write_string_repr(TextBuffer& out, std::string_view text) {
  bool single = text.find('\'') != std::string_view::npos;
  bool twice = text.find('"') != std::string_view::npos;
  const char quote = single && !twice ? '"' : '\'';
  out.append(1, quote);
  for (size_t i = 0; i < text.size();) {
    CodePoint c = decode_at(text, i);
    if (c.value == static_cast<char32_t>(quote) || c.value == U'\\') {
      out.append(1, '\\');
      out.append(1, static_cast<char>(c.value));
    } else if (c.value == U'\n') {
      out.append("\\n");
    } else if (c.value == U'\r') {
      out.append("\\r");
    } else if (c.value == U'\t') {
      out.append("\\t");
    } else if (is_printable(c.value)) {
      out.append(text.substr(i, c.length));
    } else if (c.value < 0x100) {
      out.append(fmt::format("\\x{:02x}", static_cast<uint32_t>(c.value)));
    } else if (c.value < 0x10000) {
      out.append(fmt::format("\\u{:04x}", static_cast<uint32_t>(c.value)));
    } else {
      out.append(fmt::format("\\U{:08x}", static_cast<uint32_t>(c.value)));
    }
    i += c.length;
  }
  out.append(1, quote);
}

class ReprWriter {
 public:
  explicit ReprWriter(Runtime& runtime) : runtime_(runtime), out_(runtime) {}

  void write(const Value& value) {
    runtime_.step();
    switch (value.kind()) {
      case Kind::undefined:
        return out_.append("Undefined");
      case Kind::none:
        return out_.append("None");
      case Kind::boolean:
        return out_.append(value.as_boolean() ? "True" : "False");
      case Kind::integer:
        return out_.append(std::to_string(value.as_integer()));
      case Kind::real:
        return out_.append(real_text(value.as_real()));
      case Kind::string:
        if (value.string().markup) out_.append("Markup(");
        write_string_repr(out_, value.text());
        if (value.string().markup) out_.append(")");
        return;
      case Kind::sequence:
        return write_sequence(value.sequence());
      case Kind::dict:
        return write_dict(value.dict());
      case Kind::name_space:
        return write_namespace(value.name_space());
      case Kind::callable:
        return out_.append(value.callable().describe());
    }
  }

  std::string finish() { return out_.release(); }

 private:
  void write_items(std::string_view open, const Values& items, std::string_view close) {
    out_.append(open);
    for (size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_.append(", ");
      write(items[i]);
    }
    out_.append(close);
  }

  void write_sequence(const SequenceObject& sequence) {
    switch (sequence.type) {
      case SequenceKind::list:
        return write_items("[", sequence.items, "]");
      case SequenceKind::tuple:
        return write_items("(", sequence.items, sequence.items.size() == 1 ? ",)" : ")");
      case SequenceKind::keys:
        return write_items("dict_keys([", sequence.items, "])");
      case SequenceKind::values:
        return write_items("dict_values([", sequence.items, "])");
      case SequenceKind::items:
        return write_items("dict_items([", sequence.items, "])");
      case SequenceKind::generator:
        return out_.append("<generator object>");
      case SequenceKind::range:
        break;
    }
    out_.append(fmt::format("range({}, {}", sequence.start, sequence.stop));
    if (sequence.step != 1) out_.append(fmt::format(", {}", sequence.step));
    out_.append(")");
  }

  void write_dict(const DictObject& dict) {
    out_.append("{");
    bool first = true;
    for (const auto& [key, value] : dict.entries) {
      if (!first) out_.append(", ");
      first = false;
      write(key);
      out_.append(": ");
      write(value);
    }
    out_.append("}");
  }

  void write_namespace(const NamespaceObject& space) {
    runtime_.check_depth(++namespaces_);
    out_.append("<Namespace {");
    for (size_t i = 0; i < space.attributes.size(); ++i) {
      if (i > 0) out_.append(", ");
      write_string_repr(out_, space.attributes[i].first);
      out_.append(": ");
      write(space.attributes[i].second);
    }
    out_.append("}>");
    --namespaces_;
  }

  Runtime& runtime_;
  TextBuffer out_;
  int namespaces_ = 0;  // nesting; a namespace may hold itself
};

}  // namespace

std::string real_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer;
  auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number,
                                    std::chars_format::scientific);
  std::string_view digits(buffer.data(), static_cast<size_t>(end - buffer.data()));
  const size_t mark = digits.find('e');
  int exponent = 0;
  const char* exponent_text = digits.data() + mark + 1;
  if (*exponent_text == '+') ++exponent_text;
  std::from_chars(exponent_text, end, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(digits);
  auto [fixed_end, fixed_error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), number, std::chars_format::fixed);
  std::string text(buffer.data(), fixed_end);
  if (text.find('.') == std::string::npos) text += ".0";
  return text;
}

std::string to_repr(Runtime& runtime, const Value& value) {
  ReprWriter writer(runtime);
  writer.write(value);
  return writer.finish();
}

std::string to_text(Runtime& runtime, const Value& value) {
  if (value.is_string()) return value.text();
  if (value.is_undefined()) return {};
  return to_repr(runtime, value);
}

}  // namespace ix::chat::jinja
