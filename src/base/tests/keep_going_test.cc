#include "base/keep_going.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

namespace carnet {
namespace {

TEST(KeepGoing, RunsALoopAgainThatBrokeAndEndsWithOneThatEnds) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const SystemClock clock;
  int calls = 0;
  {
    const Log log(clock, pipe[1], LogFormat::kJson, LogLevel::kInfo);
    const auto loop = [&calls]() -> Task<void> {
      if (++calls == 1) throw std::bad_alloc();
      co_return;
    };
    boost::asio::io_context context(1);
    boost::asio::co_spawn(context, keep_going(log, "mine", loop), boost::asio::detached);
    context.run();
  }
  EXPECT_EQ(calls, 2);
  ::close(pipe[1]);
  std::string said(4096, '\0');
  said.resize(
      static_cast<std::size_t>(std::max<ssize_t>(0, ::read(pipe[0], said.data(), said.size()))));
  ::close(pipe[0]);
  EXPECT_NE(said.find("loop_broke"), std::string::npos) << said;
  EXPECT_NE(said.find("mine"), std::string::npos) << said;
}

}  // namespace
}  // namespace carnet
