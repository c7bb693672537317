// Result<T>: a value or the Status that says why there is none.
#pragma once

#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/status.h"

namespace ix {

template <typename T>
class Result;

// What a Result<T> is made of: anything that makes a T.
template <typename U, typename T>
concept MakesValue =
    !std::is_same_v<std::remove_cvref_t<U>, Status> &&
    !std::is_same_v<std::remove_cvref_t<U>, Result<T>> && std::is_constructible_v<T, U&&>;

template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  // Implicit, so that functions can `return value;` or `return status;`.
  // NOLINTBEGIN(google-explicit-constructor,bugprone-forwarding-reference-overload)
  template <MakesValue<T> U = T>
  Result(U&& value) : value_(T(std::forward<U>(value))) {}
  Result(Status status) : value_(tl::unexpected(std::move(status))) {
    IX_CHECK(!value_.error().ok());
  }
  // NOLINTEND(google-explicit-constructor,bugprone-forwarding-reference-overload)

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }

  // ok when there is a value.
  Status status() const { return ok() ? Status() : value_.error(); }

  // The value. Only when ok().
  T& value() & {
    IX_CHECK(ok());
    return *value_;
  }
  const T& value() const& {
    IX_CHECK(ok());
    return *value_;
  }
  T&& value() && {
    IX_CHECK(ok());
    return *std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  tl::expected<T, Status> value_;
};

}  // namespace ix

#define IX_CONCAT_INNER(a, b) a##b
#define IX_CONCAT(a, b) IX_CONCAT_INNER(a, b)

// IX_RETURN_IF_ERROR(expr): leaves the function with the Status of expr unless it is ok.
#define IX_RETURN_IF_ERROR(expr)                                            \
  do {                                                                      \
    if (::ix::Status ix_status = (expr); !ix_status.ok()) return ix_status; \
  } while (false)

// NOLINTBEGIN(bugprone-macro-parentheses): declarations and names take no parentheses
// IX_ASSIGN_OR_RETURN(auto x, expr): x becomes the value of expr, or the function leaves with its
// Status.
#define IX_ASSIGN_OR_RETURN(lhs, expr) \
  IX_ASSIGN_OR_RETURN_AS(IX_CONCAT(ix_result_, __LINE__), lhs, expr)
#define IX_ASSIGN_OR_RETURN_AS(result, lhs, expr) \
  auto result = (expr);                           \
  if (!result.ok()) return result.status();       \
  lhs = std::move(result).value()
// NOLINTEND(bugprone-macro-parentheses)
