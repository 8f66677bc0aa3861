#include "ddpm/base/control_groups.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>

#include "ddpm/base/available_memory.h"
#include "ddpm/base/check.h"
#include "ddpm/base/cores.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

// A folder that stands for /, with the files that a test writes.
class ControlGroupsTest : public testing::Test {
 protected:
  // Version 2 at /sys/fs/cgroup, the process in `group`.
  void set_version_2(const std::string& group, const std::string& top = "/") const {
    root_.write("proc/self/cgroup", "0::" + group + "\n");
    root_.write("proc/self/mountinfo",
                concat("24 1 0:22 / / rw - ext4 /dev/vda1 rw\n31 24 0:27 ", top,
                       " /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"));
  }
  // Version 1 with the controllers cpu and memory, the process in `group` of both.
  void set_version_1(const std::string& group, const std::string& top = "/") const {
    root_.write("proc/self/cgroup", concat("9:memory:", group, "\n4:cpu,cpuacct:", group,
                                           "\n1:name=systemd:/\n0::/\n"));
    root_.write(
        "proc/self/mountinfo",
        concat("33 24 0:30 ", top, " /sys/fs/cgroup/cpuacct,cpu rw shared:9 - cgroup cgroup ",
               "rw,cpuacct,cpu\n34 24 0:31 ", top,
               " /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory\n"));
  }
  void set_quota_1(const std::string& group, const std::string& quota,
                   const std::string& period) const {
    root_.write("sys/fs/cgroup/cpuacct,cpu/" + group + "/cpu.cfs_quota_us", quota);
    root_.write("sys/fs/cgroup/cpuacct,cpu/" + group + "/cpu.cfs_period_us", period);
  }

  const TemporaryFolder root_;
};

TEST_F(ControlGroupsTest, ThereIsNoLimitWithoutControlGroups) {
  EXPECT_EQ(cpu_quota(root_), std::nullopt);
  EXPECT_EQ(memory_room(root_), std::nullopt);
}

TEST_F(ControlGroupsTest, AQuotaOfVersion2IsTimeOverPeriod) {
  set_version_2("/");
  root_.write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(cpu_quota(root_), 1.5);
  root_.write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(cpu_quota(root_), std::nullopt);
  root_.write("sys/fs/cgroup/cpu.max", "250000\n");
  EXPECT_EQ(cpu_quota(root_), 2.5);
}

TEST_F(ControlGroupsTest, TheSmallestQuotaOnTheWayUpCounts) {
  set_version_2("/pod/container/worker");
  root_.write("sys/fs/cgroup/pod/cpu.max", "200000 100000");
  root_.write("sys/fs/cgroup/pod/container/cpu.max", "max 100000");
  root_.write("sys/fs/cgroup/pod/container/worker/cpu.max", "300000 100000");
  root_.write("sys/fs/cgroup/other/cpu.max", "10000 100000");
  EXPECT_EQ(cpu_quota(root_), 2.0);
  root_.write("sys/fs/cgroup/pod/container/worker/cpu.max", "50000 100000");
  EXPECT_EQ(cpu_quota(root_), 0.5);
}

TEST_F(ControlGroupsTest, AQuotaOfVersion1IsFoundByItsController) {
  set_version_1("/docker/abc");
  set_quota_1("docker/abc", "120000", "50000");
  EXPECT_EQ(cpu_quota(root_), 2.4);
  set_quota_1("docker", "200000", "100000");
  EXPECT_EQ(cpu_quota(root_), 2.0);
  set_quota_1("docker", "-1", "100000");
  set_quota_1("docker/abc", "-1", "100000");
  EXPECT_EQ(cpu_quota(root_), std::nullopt);
}

// Docker mounts a container's own group, under a path that counts from the machine's.
TEST_F(ControlGroupsTest, AGroupThatIsMountedItselfIsFound) {
  set_version_1("/docker/abc/inner", "/docker/abc");
  set_quota_1("", "200000", "100000");
  set_quota_1("inner", "100000", "100000");
  EXPECT_EQ(cpu_quota(root_), 1.0);
}

TEST_F(ControlGroupsTest, AGroupOutsideOfTheMountedOneHasItsLimits) {
  for (const char* group : {"/../outside", "/elsewhere"}) {
    set_version_2(group, "/docker/abc");
    root_.write("sys/fs/cgroup/cpu.max", "100000 100000");
    EXPECT_EQ(cpu_quota(root_), 1.0) << group;
  }
}

TEST_F(ControlGroupsTest, MalformedFilesSetNoLimit) {
  for (const char* text : {"", "\n", "abc 100000", "-1 100000", "0 100000", "100000 0", "100000 -5",
                           "100000 x", "1 2 3", "1e5 100000", "99999999999999999999999 100000"}) {
    set_version_2("/");
    root_.write("sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(cpu_quota(root_), std::nullopt) << text;
  }
  for (const char* text : {"", "0::", "nonsense", ":::::", "0:/", "4:cpu"}) {
    root_.write("proc/self/cgroup", text);
    cpu_quota(root_);
    memory_room(root_);
  }
  set_version_2("/");
  for (const char* text : {"", "1 2 3", "1 2 3 4 5 - cgroup2", "- cgroup2 cgroup2 rw", "- - - -",
                           "31 24 0:27 /\\0 /\\999\\0401 rw - cgroup2 cgroup2 rw"}) {
    root_.write("proc/self/mountinfo", text);
    EXPECT_EQ(cpu_quota(root_), std::nullopt) << text;
  }
}

TEST_F(ControlGroupsTest, AMountPointMayHaveBlanks) {
  root_.write("proc/self/cgroup", "0::/\n");
  root_.write("proc/self/mountinfo", "31 24 0:27 / /my\\040groups rw - cgroup2 cgroup2 rw\n");
  root_.write("my groups/cpu.max", "300000 100000");
  EXPECT_EQ(cpu_quota(root_), 3.0);
}

TEST_F(ControlGroupsTest, CoresAreTheQuotaRoundedUpAndAtLeastOne) {
  set_version_2("/");
  const int64_t all = usable_cores(root_);
  root_.write("sys/fs/cgroup/cpu.max", "1000 100000");
  EXPECT_EQ(usable_cores(root_), 1);
  root_.write("sys/fs/cgroup/cpu.max", "100001 100000");
  EXPECT_EQ(usable_cores(root_), std::min<int64_t>(all, 2));
  root_.write("sys/fs/cgroup/cpu.max", "100000000 100000");  // more than the affinity mask has
  EXPECT_EQ(usable_cores(root_), all);
}

TEST_F(ControlGroupsTest, CoresAreThoseOfTheAffinityMask) {
  int64_t usable = 0;
  std::thread([&] {
    cpu_set_t all;
    ASSERT_EQ(::sched_getaffinity(0, sizeof(all), &all), 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
      if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
    }
    ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
    usable = usable_cores(root_);
  }).join();
  EXPECT_EQ(usable, 1);
}

TEST_F(ControlGroupsTest, RoomIsTheLimitWithoutWhatIsUsedAndCannotBeDropped) {
  set_version_2("/a/b");
  root_.write("sys/fs/cgroup/a/memory.max", "1000000\n");
  root_.write("sys/fs/cgroup/a/memory.current", "700000\n");
  EXPECT_EQ(memory_room(root_), 300000);
  root_.write("sys/fs/cgroup/a/memory.stat", "anon 100000\ninactive_file 200000\n");
  EXPECT_EQ(memory_room(root_), 500000);
  root_.write("sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(memory_room(root_), 500000);
  root_.write("sys/fs/cgroup/a/b/memory.max", "400000\n");
  EXPECT_EQ(memory_room(root_), 400000);
  root_.write("sys/fs/cgroup/a/b/memory.current", "500000\n");
  EXPECT_EQ(memory_room(root_), 0);
}

TEST_F(ControlGroupsTest, RoomOfVersion1IsFoundByItsController) {
  set_version_1("/docker/abc");
  root_.write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "5000000\n");
  root_.write("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "1000000\n");
  EXPECT_EQ(memory_room(root_), 4000000);
}

TEST_F(ControlGroupsTest, AvailableMemoryIsTheSmallerOfTheMachinesAndTheGroups) {
  EXPECT_EQ(available_memory_bytes(root_), 0);
  root_.write("proc/meminfo",
              "MemTotal:       9000 kB\nMemFree:  10 kB\nMemAvailable:    2000 kB\n");
  EXPECT_EQ(available_memory_bytes(root_), 2000 * 1024);
  set_version_2("/");
  root_.write("sys/fs/cgroup/memory.max", "1000000\n");
  EXPECT_EQ(available_memory_bytes(root_), 1000000);
  root_.write("sys/fs/cgroup/memory.max", "100000000\n");
  EXPECT_EQ(available_memory_bytes(root_), 2000 * 1024);
}

TEST_F(ControlGroupsTest, AvailableMemoryIsNoMoreThanTheLimitOfAddressesLeaves) {
  root_.write("proc/meminfo", "MemAvailable:    9000000000 kB\n");
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  const int64_t used = pages * ::sysconf(_SC_PAGESIZE);
  constexpr int64_t kRoom = int64_t{64} << 20;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_AS, &before), 0);
  const rlimit now{static_cast<rlim_t>(used + kRoom), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &now), 0);
  const int64_t available = available_memory_bytes(root_);
  ASSERT_EQ(::setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_LE(available, kRoom);
  EXPECT_GT(available, kRoom / 2);
}

}  // namespace
}  // namespace ddpm
