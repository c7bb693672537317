// The variable `loop`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "chat/interpreter.h"

namespace ix::chat::jinja {

class LoopObject : public CallableObject, public std::enable_shared_from_this<LoopObject> {
 public:
  LoopObject(Interpreter& interpreter, const ForStatement& statement, const Values& items,
             int depth0);

  void set_index(size_t index) { index_ = index; }
  // The scope that a recursive loop runs its nested turns in.
  void set_scope(ScopePtr scope) { scope_ = std::move(scope); }
  // Forgets the items, which live only as long as the loop runs.
  void finish();

  Value call(Arguments& arguments) override;
  std::optional<Value> attribute(std::string_view name) override;
  std::string describe() const override;
  std::string type_name() const override { return "LoopContext"; }
  std::optional<int64_t> size() override { return length_; }

  Value cycle(const Arguments& arguments) const;
  Value changed(const Arguments& arguments);

 private:
  std::optional<Value> number(std::string_view name) const;

  Interpreter& interpreter_;
  const ForStatement& statement_;
  const Values* items_;
  int64_t length_;
  size_t index_ = 0;
  int depth0_;
  ScopePtr scope_;
  std::optional<Value> last_changed_;
};

}  // namespace ix::chat::jinja
