#include "ddpm/base/temporary.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "ddpm/base/file.h"
#include "ddpm/base/new_file.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class Temporary : public testing::Test {
 protected:
  std::set<std::string> entries() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.insert(entry.path().filename());
    return names;
  }
  // Runs `body` in a child that is then killed.
  template <typename Body>
  void in_killed_child(const Body& body) const {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      body();
      ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  const TemporaryFolder folder_;
};

TEST_F(Temporary, NamesAreKnownAndThoseOfOthersAreNot) {
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) {
    const std::string name = temporary_name();
    EXPECT_TRUE(is_temporary_name(name)) << name;
    names.insert(name);
    for (const size_t at : {size_t{5}, name.size() - 1}) {  // another digit is another name
      std::string other = name;
      other[at] = other[at] == '0' ? '1' : '0';
      EXPECT_FALSE(is_temporary_name(other)) << other;
    }
  }
  EXPECT_GT(names.size(), 90U);
  for (const char* name : {"", ".tmp-", ".tmp-0123456789abcdef", ".tmp-keep", "photo.png"}) {
    EXPECT_FALSE(is_temporary_name(name)) << name;
  }
}

TEST_F(Temporary, WhatAKilledProcessLeftIsRemovedAndNothingElse) {
  in_killed_child([&] {
    const NewFolder folder(folder_ / "model", real_files());
    real_files().write(folder.path() / "weights", as_bytes("half"));
    const Descriptor file(::open((folder_ / temporary_name()).c_str(), O_CREAT | O_WRONLY, 0600));
    mark_as_in_use(file);
    ::kill(::getpid(), SIGKILL);
  });
  EXPECT_EQ(entries().size(), 2U);
  const std::set<std::string> mine = {".tmp-0123456789abcdef", ".tmp-keep", "photo.png"};
  for (const std::string& name : mine) write_file_whole(folder_ / name, "mine");
  const std::string link = temporary_name();
  fs::create_symlink("photo.png", folder_ / link);
  remove_abandoned(folder_);
  std::set<std::string> expected = mine;
  expected.insert(link);
  EXPECT_EQ(entries(), expected);
  remove_abandoned(folder_ / "missing");
  remove_abandoned(folder_ / "photo.png");
}

TEST_F(Temporary, WhatAProcessIsFillingStays) {
  write_folder_whole(folder_ / "model", [&](const fs::path& inside) {
    real_files().write(inside / "weights", as_bytes("first"));
    remove_abandoned(folder_);
    real_files().write(inside / "config", as_bytes("second"));
  });
  EXPECT_TRUE(fs::exists(folder_ / "model" / "weights"));
  const fs::path name = folder_ / temporary_name();
  const Descriptor file(::open(name.c_str(), O_CREAT | O_WRONLY, 0600));
  ASSERT_TRUE(mark_as_in_use(file));
  remove_abandoned(folder_);
  EXPECT_TRUE(fs::exists(name));
}

}  // namespace
}  // namespace ddpm
