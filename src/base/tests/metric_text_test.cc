// Held against the text exposition format 0.0.4 of Prometheus; the system tests read it with
// Prometheus' own parser.

#include "base/metric_text.h"

#include <gtest/gtest.h>

namespace carnet {
namespace {

TEST(MetricText, SamplesOfANameStandTogether) {
  MetricText out;
  out.counter("a_total", "First.", 1, {{"x", "1"}});
  out.gauge("b", "Second.", 0.5);
  out.counter("a_total", "First.", 1e10, {{"x", "2"}, {"y", "z"}});
  EXPECT_EQ(out.text(),
            "# HELP a_total First.\n# TYPE a_total counter\na_total{x=\"1\"} 1\n"
            "a_total{x=\"2\",y=\"z\"} 10000000000\n# HELP b Second.\n# TYPE b gauge\nb 0.5\n");
}

TEST(MetricText, LabelValuesAreEscaped) {
  MetricText out;
  out.gauge("a", "A.", 1, {{"x", "back\\slash \"quote\"\nline"}});
  EXPECT_EQ(out.text(),
            "# HELP a A.\n# TYPE a gauge\na{x=\"back\\\\slash \\\"quote\\\"\\nline\"} 1\n");
}

TEST(MetricText, QueuesAndPools) {
  MetricText out;
  out.queue("q", {.length = 1, .capacity = 2, .accepted = 3, .refused = 4});
  out.pool("p", 5, 6);
  const std::string text = out.text();
  for (const char* line :
       {"carnet_queue_length{queue=\"q\"} 1\n", "carnet_queue_capacity{queue=\"q\"} 2\n",
        "carnet_queue_accepted_total{queue=\"q\"} 3\n",
        "carnet_queue_refused_total{queue=\"q\"} 4\n", "carnet_pool_used{pool=\"p\"} 5\n",
        "carnet_pool_size{pool=\"p\"} 6\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line;
}

}  // namespace
}  // namespace carnet
