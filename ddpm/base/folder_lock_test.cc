#include "ddpm/base/folder_lock.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class FolderLockTest : public testing::Test {
 protected:
  const TemporaryFolder folder_;
  const fs::path file_ = folder_ / ".lock";
};

TEST_F(FolderLockTest, ASecondHolderIsRefusedWithTheFirstOnesProcessId) {
  const FolderLock lock(file_);
  EXPECT_TRUE(lock.is_held());
  EXPECT_EQ(read_file(file_, 100), concat(::getpid(), "\n"));
  expect_contains(complaint<IoError>([&] { FolderLock second(file_); }),
                  concat(folder_.path().string(), ": process ", ::getpid(), " is writing into"));
}

TEST_F(FolderLockTest, TheFileIsRemovedOrKeptAsAsked) {
  { const FolderLock lock(file_); }
  EXPECT_FALSE(fs::exists(file_));
  { const FolderLock lock(file_, FolderLock::Afterwards::kKeep); }
  EXPECT_TRUE(fs::exists(file_));
  { const FolderLock lock(file_); }
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(FolderLockTest, WhatAKilledProcessLeftIsTakenOver) {
  const pid_t child = ::fork();
  if (child == 0) {
    const FolderLock lock(file_);
    ::_exit(0);  // without the destructor, as by kill -9
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(read_file(file_, 100), concat(child, "\n"));
  const FolderLock lock(file_);
  EXPECT_TRUE(lock.is_held());
}

TEST_F(FolderLockTest, WhatIsNoLockIsRefusedAndLeftAsItIs) {
  const std::string diary = "12345 is my number\n";
  const fs::path other = folder_.write("other", diary);
  const auto refused = [this] { return complaint<IoError>([this] { FolderLock lock(file_); }); };

  fs::create_symlink(other, file_);
  expect_contains(refused(), "got a link");
  fs::remove(file_);
  fs::create_symlink(folder_ / "nowhere", file_);
  expect_contains(refused(), "got a link");
  EXPECT_FALSE(fs::exists(folder_ / "nowhere"));
  fs::remove(file_);
  fs::create_directory(file_);
  expect_contains(refused(), "got a folder");
  fs::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  expect_contains(refused(), "no regular file");
  fs::remove(file_);
  for (const std::string& text : {diary, std::string("\n"), std::string("12"), std::string("1\n\n"),
                                  std::string(100, '1') + "\n", std::string("\0\n", 2)}) {
    folder_.write(file_, text);
    expect_contains(refused(), "something else");
    EXPECT_EQ(read_file(file_, 1000), text);
  }
  EXPECT_EQ(read_file(other, 100), diary);
}

// Each adds to a number in a file, which is lost if two do so at once.
TEST_F(FolderLockTest, NoTwoHoldItAtOnceWhileItComesAndGoes) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 200;
  std::atomic<int> number = 0;  // a sum of two steps, which the lock alone keeps together
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds;) {
        try {
          const FolderLock lock(file_);
          const int before = number.load();
          std::this_thread::yield();
          number.store(before + 1);
          ++round;
        } catch (const IoError&) {
          std::this_thread::yield();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(number, kThreads * kRounds);
  EXPECT_FALSE(fs::exists(file_));
}

}  // namespace
}  // namespace ddpm
