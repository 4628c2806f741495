#pragma once
// Task<T> is the coroutine type of everything that waits: an Asio awaitable on the executor of
// whoever awaits it. Give temporaries and lambdas a name before a co_await expression
// (ARCHITECTURE.md, "Coroutines").

#include <boost/asio/awaitable.hpp>

namespace carnet {
template <class T>
using Task = boost::asio::awaitable<T>;
}  // namespace carnet
