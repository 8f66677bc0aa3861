// A function that somebody else keeps: what std::function is, without memory of its own.

#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace ddpm {

template <typename Signature>
class FunctionRef;

// Refers to a function object that has to outlive it: made for arguments.
template <typename Result, typename... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  template <typename Function>
  requires(!std::is_same_v<std::remove_cvref_t<Function>, FunctionRef>)
      FunctionRef(const Function& function)  // NOLINT: as a function is passed
      : object_(std::addressof(function)),
        call_([](const void* object, Arguments... arguments) -> Result {
          return (*static_cast<const Function*>(object))(std::forward<Arguments>(arguments)...);
        }) {}

  Result operator()(Arguments... arguments) const {
    return call_(object_, std::forward<Arguments>(arguments)...);
  }

 private:
  const void* object_;
  Result (*call_)(const void* object, Arguments... arguments);
};

}  // namespace ddpm
