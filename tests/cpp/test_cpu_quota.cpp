// The CPU limit of a container, from the texts of its control groups.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/cpu_quota.hpp"

namespace indrnn {
namespace {

TEST(CpuQuota, cpu_max_is_rounded_up_to_cores) {
  EXPECT_EQ(cores_of_cpu_max("200000 100000\n"), 2);
  EXPECT_EQ(cores_of_cpu_max("150000 100000\n"), 2);
  EXPECT_EQ(cores_of_cpu_max("100001 100000"), 2);
  EXPECT_EQ(cores_of_cpu_max("5000 100000\n"), 1);
  EXPECT_EQ(cores_of_cpu_max("6400000 50000\n"), 128);
}

TEST(CpuQuota, no_limit_and_nonsense_are_no_limit) {
  for (const char* text : {"max 100000\n", "max", "", "\n", "0 100000", "-1 100000", "100000", "100000 0",
                           "1e5 100000", "100000 max", "99999999999999999999 100000", "cores 4"}) {
    EXPECT_EQ(cores_of_cpu_max(text), 0) << text;
  }
}

TEST(CpuQuota, an_enormous_quota_stays_positive) {
  EXPECT_GT(cores_of_cpu_max("9223372036854775807 1"), 1 << 20);
}

TEST(CpuQuota, cfs_quota_over_period) {
  EXPECT_EQ(cores_of_cfs("400000\n", "100000\n"), 4);
  EXPECT_EQ(cores_of_cfs("250000\n", "100000\n"), 3);
  EXPECT_EQ(cores_of_cfs("1000\n", "100000\n"), 1);
  for (const char* none : {"-1\n", "0\n", "", "many"}) EXPECT_EQ(cores_of_cfs(none, "100000\n"), 0) << none;
  EXPECT_EQ(cores_of_cfs("400000\n", ""), 0);
}

// A tree of control groups in a folder of its own.
class Groups : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = std::filesystem::temp_directory_path() / ("indrnn_groups_" + std::to_string(getpid()));
    std::filesystem::create_directories(root_);
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  int quota(const std::string& groups) { return quota_of_groups(groups, root_.c_str()); }

 private:
  std::filesystem::path root_;
};

TEST_F(Groups, of_a_container_with_version_2) {
  write("cpu.max", "300000 100000\n");
  EXPECT_EQ(quota("0::/\n"), 3);
}

TEST_F(Groups, the_tightest_of_the_groups_around_counts) {
  write("pod/cpu.max", "150000 100000\n");
  write("pod/container/cpu.max", "800000 100000\n");
  EXPECT_EQ(quota("0::/pod/container\n"), 2);
  write("pod/container/cpu.max", "max 100000\n");
  EXPECT_EQ(quota("0::/pod/container"), 2);
  EXPECT_EQ(quota("0::/other\n"), 0);
}

TEST_F(Groups, of_version_1_with_the_hosts_path) {
  write("cpu/cpu.cfs_quota_us", "200000\n");
  write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota("12:pids:/docker/abc\n4:cpuacct,cpu:/docker/abc\n0::/system\n"), 2);
  EXPECT_EQ(quota("4:cpuset:/docker/abc\n3:cpuacct:/docker/abc\n"), 0) << "no cpu controller";
}

TEST_F(Groups, both_versions_at_once) {
  write("cpu.max", "500000 100000\n");
  write("cpu/cpu.cfs_quota_us", "400000\n");
  write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(quota("4:cpu:/\n0::/\n"), 4);
}

TEST_F(Groups, damaged_lines_and_paths_outside_are_passed_over) {
  write("cpu.max", "200000 100000\n");
  EXPECT_EQ(quota("0::/../../elsewhere\n"), 2);
  for (const std::string& text : {std::string(), std::string("0"), std::string("0:"), std::string("0::"),
                                  std::string("::relative\n"), std::string("\n\n:\n")})
    EXPECT_EQ(quota(text), 0) << text;
  EXPECT_EQ(quota("0::/" + std::string(10'000, 'a') + "\n"), 2) << "a path too long: the root still counts";
}

}  // namespace
}  // namespace indrnn
