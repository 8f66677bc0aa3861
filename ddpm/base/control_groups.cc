#include "ddpm/base/control_groups.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "ddpm/base/text.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

// Blank-separated words of a file's first line; none if it cannot be read.
std::vector<std::string> first_words(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  std::istringstream words(line);
  std::vector<std::string> found;
  for (std::string word; words >> word;) found.push_back(word);
  return found;
}

std::optional<int64_t> number_in(const fs::path& file) {
  const auto words = first_words(file);
  return words.size() == 1 ? parse_int(words[0]) : std::nullopt;
}

// The number behind `key` in a file of lines "key 123"; 0 if there is none.
int64_t number_behind(const fs::path& file, const std::string& key) {
  std::ifstream in(file);
  std::string word;
  int64_t value = 0;
  while (in >> word >> value) {
    if (word == key) return value;
  }
  return 0;
}

// mountinfo writes a blank in a path as \040.
std::string without_escapes(const std::string& text) {
  constexpr size_t kDigits = 3;
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + kDigits < text.size() &&
                        std::all_of(&text[i + 1], &text[i + 1] + kDigits,
                                    [](char c) { return c >= '0' && c <= '7'; });
    plain +=
        escape ? static_cast<char>(std::stoi(text.substr(i + 1, kDigits), nullptr, 8)) : text[i];
    if (escape) i += kDigits;
  }
  return plain;
}

bool contains(const std::string& list, const std::string& word) {
  const auto words = split(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The process's path in the hierarchy of a controller, "" for version 2: a line of
// proc/self/cgroup is number:controllers:path.
std::optional<std::string> path_in_hierarchy(const fs::path& root, const std::string& controller) {
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool is_it = controller.empty() ? controllers.empty() : contains(controllers, controller);
    if (is_it) return line.substr(second + 1);
  }
  return std::nullopt;
}

struct Mount {
  std::string top;  // which group of the hierarchy the folder is
  fs::path folder;
};

// A line of mountinfo: id parent device top folder options .. - kind source options.
std::optional<Mount> mount_in(const std::string& line, const std::string& controller) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  const auto dash = std::find(words.begin(), words.end(), "-");
  constexpr size_t kTop = 3;
  constexpr size_t kFolder = 4;
  if (dash - words.begin() <= static_cast<int64_t>(kFolder) || words.end() - dash < 4) return {};
  const bool is_it = controller.empty() ? dash[1] == "cgroup2"
                                        : dash[1] == "cgroup" && contains(dash[3], controller);
  if (!is_it) return {};
  return Mount{without_escapes(words[kTop]), without_escapes(words[kFolder])};
}

std::optional<Mount> mount_of(const fs::path& root, const std::string& controller) {
  std::ifstream in(root / "proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    if (auto mount = mount_in(line, controller)) return mount;
  }
  return std::nullopt;
}

// The folders of the process's group and of those above it, as far as they are mounted.
std::vector<fs::path> group_folders(const fs::path& root, const std::string& controller) {
  const auto path = path_in_hierarchy(root, controller);
  const auto mount = mount_of(root, controller);
  if (!path || !mount) return {};
  fs::path folder = root / mount->folder.relative_path();
  std::vector<fs::path> folders = {folder};
  // a group outside of the mounted part, as containers see it, has only the mounted one's limits
  const fs::path below = fs::path(*path).lexically_relative(mount->top);
  if (below.empty() || *below.begin() == "..") return folders;
  for (const fs::path& part : below) {
    if (part == ".." || part == ".") continue;
    folder /= part;
    folders.push_back(folder);
  }
  return folders;
}

std::optional<double> quota_v1(const fs::path& group) {
  const auto quota = number_in(group / "cpu.cfs_quota_us");
  const auto period = number_in(group / "cpu.cfs_period_us");
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// "max 100000" or "150000 100000"; without a period it is 100,000.
std::optional<double> quota_v2(const fs::path& group) {
  constexpr int64_t kUsualPeriod = 100'000;
  const auto words = first_words(group / "cpu.max");
  if (words.empty() || words.size() > 2) return std::nullopt;
  const auto quota = parse_int(words[0]);
  const auto period = words.size() > 1 ? parse_int(words[1]) : kUsualPeriod;
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<int64_t> room(const fs::path& group, const char* limit, const char* used,
                            const char* droppable) {
  const auto most = number_in(group / limit);
  if (!most || *most < 0) return std::nullopt;
  const int64_t dropped = number_behind(group / "memory.stat", droppable);
  const int64_t taken = std::max<int64_t>(0, number_in(group / used).value_or(0) - dropped);
  return std::max<int64_t>(0, *most - taken);
}

std::optional<int64_t> room_v1(const fs::path& group) {
  return room(group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file");
}
std::optional<int64_t> room_v2(const fs::path& group) {
  return room(group, "memory.max", "memory.current", "inactive_file");
}

template <typename Limit>
void lower(std::optional<Limit>& smallest, const std::optional<Limit>& limit) {
  if (limit && (!smallest || *limit < *smallest)) smallest = limit;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> quota;
  for (const fs::path& group : group_folders(root, "cpu")) lower(quota, quota_v1(group));
  for (const fs::path& group : group_folders(root, "")) lower(quota, quota_v2(group));
  return quota;
}

std::optional<int64_t> memory_room(const fs::path& root) {
  std::optional<int64_t> smallest;
  for (const fs::path& group : group_folders(root, "memory")) lower(smallest, room_v1(group));
  for (const fs::path& group : group_folders(root, "")) lower(smallest, room_v2(group));
  return smallest;
}

}  // namespace ddpm
