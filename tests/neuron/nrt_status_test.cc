#include "backend/neuron/nrt/nrt_status.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace ix::backend::neuron::nrt {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// nrt_status.h of SDK 2.28, and the columns "retry?" and "sticky" of facts gathered from AWS's
// troubleshooting guide and release notes.
struct Row {
  StatusValue value;
  const char* name;
  StatusCode code;
  Retry retry;
  bool sticky;
};
constexpr Row kRows[] = {
    {0, "NRT_SUCCESS", StatusCode::ok, Retry::no, false},
    {1, "NRT_FAILURE", StatusCode::unavailable, Retry::no, false},
    {2, "NRT_INVALID", StatusCode::invalid_argument, Retry::no, false},
    {3, "NRT_INVALID_HANDLE", StatusCode::internal, Retry::no, false},
    {4, "NRT_RESOURCE", StatusCode::resource_exhausted, Retry::after_freeing, false},
    {5, "NRT_TIMEOUT", StatusCode::deadline_exceeded, Retry::no, true},
    {6, "NRT_HW_ERROR", StatusCode::unavailable, Retry::no, true},
    {7, "NRT_QUEUE_FULL", StatusCode::resource_exhausted, Retry::soon, false},
    {9, "NRT_LOAD_NOT_ENOUGH_NC", StatusCode::resource_exhausted, Retry::no, false},
    {10, "NRT_UNSUPPORTED_NEFF_VERSION", StatusCode::unsupported, Retry::no, false},
    {11, "NRT_FAIL_HOST_MEM_ALLOC", StatusCode::resource_exhausted, Retry::no, false},
    {13, "NRT_UNINITIALIZED", StatusCode::internal, Retry::no, false},
    {14, "NRT_CLOSED", StatusCode::internal, Retry::no, false},
    {15, "NRT_QUEUE_EMPTY", StatusCode::unavailable, Retry::soon, false},
    {101, "NRT_EXEC_UNIT_UNRECOVERABLE", StatusCode::unavailable, Retry::no, true},
    {1002, "NRT_EXEC_BAD_INPUT", StatusCode::invalid_argument, Retry::no, false},
    {1003, "NRT_EXEC_COMPLETED_WITH_NUM_ERR", StatusCode::unavailable, Retry::no, true},
    {1004, "NRT_EXEC_COMPLETED_WITH_ERR", StatusCode::unavailable, Retry::no, true},
    {1005, "NRT_EXEC_NC_BUSY", StatusCode::unavailable, Retry::soon, false},
    {1006, "NRT_EXEC_OOB", StatusCode::invalid_argument, Retry::no, false},
    {1100, "NRT_COLL_PENDING", StatusCode::unavailable, Retry::soon, false},
    {1200, "NRT_EXEC_HW_ERR_COLLECTIVES", StatusCode::unavailable, Retry::no, true},
    {1201, "NRT_EXEC_HW_ERR_HBM_UE", StatusCode::unavailable, Retry::no, true},
    {1202, "NRT_EXEC_HW_ERR_NC_UE", StatusCode::unavailable, Retry::no, true},
    {1203, "NRT_EXEC_HW_ERR_DMA_ABORT", StatusCode::unavailable, Retry::no, true},
    {1204, "NRT_EXEC_SW_NQ_OVERFLOW", StatusCode::unavailable, Retry::no, false},
    {1205, "NRT_EXEC_HW_ERR_REPAIRABLE_HBM_UE", StatusCode::unavailable, Retry::no, true},
    {1206, "NRT_NETWORK_PROXY_FAILURE", StatusCode::unavailable, Retry::no, false},
};

class NrtStatus : public testing::TestWithParam<Row> {};

TEST_P(NrtStatus, IsKnownAsTheLibraryDocumentsIt) {
  const Row& row = GetParam();
  const StatusInfo* info = find_status(row.value);
  ASSERT_NE(info, nullptr);
  EXPECT_STREQ(info->name, row.name);
  EXPECT_EQ(info->code, row.code);
  EXPECT_EQ(info->retry, row.retry);
  EXPECT_EQ(info->sticky, row.sticky);
  EXPECT_EQ(is_sticky(row.value), row.sticky);
  EXPECT_EQ(may_retry_soon(row.value), row.retry == Retry::soon);
}

TEST_P(NrtStatus, BecomesAMessageThatSaysWhatToDo) {
  const Row& row = GetParam();
  const Status status = to_status(row.value, "nrt_execute");
  EXPECT_EQ(status.code(), row.code);
  if (row.value == 0) {
    EXPECT_THAT(status.message(), testing::IsEmpty());
    return;
  }
  EXPECT_THAT(status.message(), StartsWith("nrt_execute: "));
  EXPECT_THAT(status.message(), HasSubstr(row.name));
  EXPECT_THAT(status.message(), HasSubstr(fmt::format("({})", row.value)));
  ASSERT_STRNE(find_status(row.value)->advice, "");
  EXPECT_THAT(status.message(), HasSubstr(find_status(row.value)->advice));
}

INSTANTIATE_TEST_SUITE_P(Every, NrtStatus, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(NrtStatusTable, HasNoOtherRow) {
  EXPECT_EQ(known_statuses().size(), std::size(kRows));
  EXPECT_EQ(find_status(8), nullptr);
  EXPECT_EQ(find_status(12), nullptr);
}

TEST(NrtStatusTable, PrintsUnknownValuesAsNumbers) {
  EXPECT_EQ(status_name(4711), "status 4711");
  EXPECT_EQ(status_name(-1), "status -1");
  EXPECT_EQ(status_name(5), "NRT_TIMEOUT (5)");
  const Status status = to_status(4711, "nrt_load");
  EXPECT_EQ(status.code(), StatusCode::unavailable);
  EXPECT_THAT(status.message(), StartsWith("nrt_load: status 4711"));
  EXPECT_FALSE(is_sticky(4711));
  EXPECT_FALSE(may_retry_soon(4711));
}

}  // namespace
}  // namespace ix::backend::neuron::nrt
