// How many cores' worth of time the control groups of this process allow: what a container's CPU limit becomes. Without
// it, a container limited to 2 of 64 cores would get 64 threads, which the kernel then holds back together.
#pragma once

#include <string_view>

namespace indrnn {

// Cores, rounded up and at least 1, that a quota of a period (both in microseconds) stands for; 0: no limit, or nonsense.
// cgroup v2, cpu.max: "200000 100000" or "max 100000".
int cores_of_cpu_max(std::string_view text);
// cgroup v1, cpu.cfs_quota_us and cpu.cfs_period_us: "200000" and "100000", or "-1" for no limit.
int cores_of_cfs(std::string_view quota, std::string_view period);

// The smallest limit of the groups that `groups` (the text of /proc/self/cgroup) names, and of all groups around them; 0
// for none. mount: where the control groups are mounted, /sys/fs/cgroup. Allocates nothing.
int quota_of_groups(std::string_view groups, const char* mount);

// That of this process; 0 for no limit, and on systems without control groups.
int cpu_quota();

}  // namespace indrnn
