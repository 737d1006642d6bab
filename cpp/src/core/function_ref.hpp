// A callable passed by reference: two pointers, never an allocation. Valid only while the callable lives.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace indrnn {

template <class Signature>
class FunctionRef;

template <class Result, class... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <class Callable>
    requires(!std::is_same_v<std::remove_cvref_t<Callable>, FunctionRef> &&
             std::is_invocable_r_v<Result, Callable&, Arguments...>)
  FunctionRef(Callable&& callable)  // NOLINT: implicit, so that a lambda can be passed as it is
      : callable_(const_cast<void*>(static_cast<const volatile void*>(std::addressof(callable)))),
        invoke_([](void* pointer, Arguments... arguments) -> Result {
          return (*static_cast<std::remove_reference_t<Callable>*>(pointer))(
              std::forward<Arguments>(arguments)...);
        }) {}

  Result operator()(Arguments... arguments) const {
    return invoke_(callable_, std::forward<Arguments>(arguments)...);
  }

 private:
  void* callable_;
  Result (*invoke_)(void*, Arguments...);
};

}  // namespace indrnn
