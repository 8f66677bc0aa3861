#include "ddpm/base/new_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <csignal>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class NewFileTest : public testing::Test {
 protected:
  // on a real disk: a file system in memory may have no device nodes
  const TemporaryFolder folder_{TemporaryFolder::Place::kDisk};
};

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0);
  return status.st_mode;
}

TEST_F(NewFileTest, ALinkStaysAndWhatItLeadsToIsReplacedOrMade) {
  fs::create_directories(folder_ / "deep");
  write_file_whole(folder_ / "deep" / "real", "old");
  fs::create_symlink("deep/real", folder_ / "one");
  fs::create_symlink("one", folder_ / "two");  // a link to a link
  fs::create_symlink("deep/new", folder_ / "dangling");
  write_file_whole(folder_ / "two", "new");
  write_file_whole(folder_ / "dangling", "made");
  for (const char* link : {"one", "two", "dangling"}) {
    EXPECT_TRUE(fs::is_symlink(folder_ / link)) << link;
  }
  EXPECT_EQ(folder_.read("deep/real"), "new");
  EXPECT_EQ(folder_.read("deep/new"), "made");
  fs::create_symlink("circle", folder_ / "circle");
  EXPECT_NE(complaint<IoError>([&] {
              write_file_whole(folder_ / "circle", "x");
            }).find("Too many levels of symbolic links"),
            std::string::npos);
}

TEST_F(NewFileTest, AFileThatIsReplacedKeepsItsModeAndANewOneGetsThatOfTheUmask) {
  write_file_whole(folder_ / "a", "old");
  ASSERT_EQ(::chmod((folder_ / "a").c_str(), 0640), 0);
  write_file_whole(folder_ / "a", "new");
  EXPECT_EQ(mode_of(folder_ / "a"), S_IFREG | 0640U);
  const mode_t before = ::umask(027);
  write_file_whole(folder_ / "b", "new");
  ::umask(before);
  EXPECT_EQ(mode_of(folder_ / "b"), S_IFREG | 0640U);
}

TEST_F(NewFileTest, RootKeepsTheOwnerOfAFileThatItReplaces) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root may give a file away";
  write_file_whole(folder_ / "a", "old");
  ASSERT_EQ(::chown((folder_ / "a").c_str(), 1234, 4321), 0);
  write_file_whole(folder_ / "a", "new");
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 1234U);
  EXPECT_EQ(status.st_gid, 4321U);
}

// A node like /dev/null, but ours: what goes wrong must not take the machine's own.
TEST_F(NewFileTest, ACharacterDeviceIsWrittenToAndStaysOne) {
  const fs::path null = folder_ / "null";
  if (::mknod(null.c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0 ||
      ::access(null.c_str(), W_OK) != 0) {
    GTEST_SKIP() << "making a device takes root";
  }
  const int opened = ::open(null.c_str(), O_WRONLY | O_CLOEXEC);
  if (opened < 0) GTEST_SKIP() << "this file system has no devices";
  ::close(opened);
  write_file_whole(null, "bytes");
  write_files_whole({{null, {"by", "tes"}}});
  EXPECT_TRUE(S_ISCHR(mode_of(null)));
  fs::create_symlink("null", folder_ / "link");
  write_file_whole(folder_ / "link", "bytes");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_TRUE(S_ISCHR(mode_of(null)));
  EXPECT_EQ(folder_.entries(), 2);
  EXPECT_THROW(write_files_whole({{null, {"x"}}, {folder_ / "b", {"y"}}}), InvalidArgument);
}

TEST_F(NewFileTest, FullDevicesGiveTheirReason) {
  EXPECT_EQ(complaint<IoError>([] { write_file_whole("/dev/full", "x"); }),
            "cannot write /dev/full: No space left on device");
  EXPECT_TRUE(S_ISCHR(mode_of("/dev/full")));
}

TEST_F(NewFileTest, WhatNoFileCanReplaceIsRefusedAndStays) {
  const auto refused = [&](const fs::path& path, const std::string& kind) {
    EXPECT_EQ(complaint<IoError>([&] { write_file_whole(path, "x"); }),
              concat("cannot write ", path.string(), ": expected a file, got ", kind));
  };
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  refused(folder_ / "fifo", "a FIFO (named pipe)");
  refused(folder_, "a folder");
  if (::mknod((folder_ / "disk").c_str(), S_IFBLK | 0600, makedev(7, 0)) == 0) {  // as root
    refused(folder_ / "disk", "a block device");
  }
  EXPECT_TRUE(S_ISFIFO(mode_of(folder_ / "fifo")));
}

TEST_F(NewFileTest, AnOpenDescriptorIsWrittenToWhereItStands) {
  const int file = ::open((folder_ / "a").c_str(), O_WRONLY | O_CREAT, 0666);
  ASSERT_EQ(::write(file, "1", 1), 1);
  write_file_whole(concat("/dev/fd/", file), "2");
  fs::create_symlink(concat("/proc/self/fd/", file), folder_ / "link");
  write_file_whole(folder_ / "link", "3");
  ASSERT_EQ(::write(file, "4", 1), 1);
  ::close(file);
  EXPECT_EQ(folder_.read("a"), "1234");
  EXPECT_NE(complaint<IoError>([&] { write_file_whole(concat("/dev/fd/", file), "5"); }), "");
  const int reading = ::open((folder_ / "a").c_str(), O_RDONLY);
  EXPECT_NE(complaint<IoError>([&] {
              write_file_whole(concat("/dev/fd/", reading), "5");
            }).find("open for reading"),
            std::string::npos);
  ::close(reading);
}

TEST_F(NewFileTest, ANameOfTheGreatestLengthCanBeWrittenAndReplaced) {
  const std::string name(255, 'n');
  write_file_whole(folder_ / name, "first");
  write_file_whole(folder_ / name, "second");
  EXPECT_EQ(folder_.read(name), "second");
  const std::string folder(255, 'f');
  write_folder_whole(folder_ / folder, [](const fs::path& inside) {
    real_files().write(inside / "x", as_bytes("1"));
  });
  EXPECT_EQ(read_file(folder_ / folder / "x", 10), "1");
  EXPECT_EQ(folder_.entries(), 2);
}

TEST_F(NewFileTest, AWriterThatIsGivenUpLeavesTheOldFileAndNothingBeside) {
  write_file_whole(folder_ / "a", "old");
  {
    FileWriter writer(folder_ / "a");
    writer.append(std::string(3 << 20, 'x'));
    EXPECT_EQ(folder_.read("a"), "old");
  }
  EXPECT_EQ(folder_.read("a"), "old");
  EXPECT_EQ(folder_.entries(), 1);
  FileWriter writer(folder_ / "a");
  for (const char* part : {"n", "", "ew"}) writer.append(std::string_view(part));
  EXPECT_EQ(folder_.read("a"), "old");
  writer.commit();
  EXPECT_EQ(folder_.read("a"), "new");
  EXPECT_EQ(folder_.entries(), 1);
}

TEST_F(NewFileTest, AWriterKeepsTheOrderOfSmallAndLargeParts) {
  std::string wanted;
  FileWriter writer(folder_ / "a");
  for (const size_t size : {size_t{5}, size_t{1} << 20, size_t{7}, (size_t{1} << 20) - 3,
                            size_t{10}, size_t{3} << 20, size_t{1}}) {
    const std::string part(size, static_cast<char>('a' + wanted.size() % 26));
    writer.append(part);
    wanted += part;
  }
  writer.commit();
  EXPECT_TRUE(read_file(folder_ / "a", 10 << 20) == wanted);
}

// Files above a size fail with EFBIG, as they would on a full disk, at every byte of the way.
TEST_F(NewFileTest, AFileThatCannotBeFinishedLeavesWhatWasThereAndNamesTheTarget) {
  write_file_whole(folder_ / "a", "old");
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  for (const rlim_t limit : {rlim_t{0}, rlim_t{1}, rlim_t{4095}, rlim_t{4096}, rlim_t{9999}}) {
    const rlimit now{limit, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &now), 0);
    const std::string message =
        complaint<IoError>([&] { write_file_whole(folder_ / "a", std::string(10'000, 'x')); });
    EXPECT_EQ(message, concat("cannot write ", (folder_ / "a").string(), ": File too large"));
    EXPECT_EQ(complaint<IoError>([&] {
                write_folder_whole(folder_ / "f", [](const fs::path& inside) {
                  real_files().write(inside / "x", as_bytes(std::string(10'000, 'x')));
                });
              }),
              concat("cannot write ", (folder_ / "f" / "x").string(), ": File too large"));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(folder_.read("a"), "old");
    EXPECT_EQ(folder_.entries(), 1) << limit;
  }
  ::signal(SIGXFSZ, handler);
}

TEST_F(NewFileTest, AnyExceptionWhileAFolderIsFilledLeavesItsNameFree) {
  const auto fill = [](const fs::path& inside) {
    real_files().write(inside / "x", as_bytes("1"));
    throw std::bad_alloc();
  };
  EXPECT_THROW(write_folder_whole(folder_ / "f", fill), std::bad_alloc);
  EXPECT_EQ(folder_.entries(), 0);
}

TEST_F(NewFileTest, AFolderThatIsFilledKeepsItsModeAndALinkToIt) {
  fs::create_directories(folder_ / "f");
  ASSERT_EQ(::chmod((folder_ / "f").c_str(), 0750), 0);
  fs::create_symlink("f", folder_ / "link");
  write_folder_whole(folder_ / "link", [](const fs::path& inside) {
    real_files().write(inside / "x", as_bytes("1"));
  });
  EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
  EXPECT_EQ(folder_.read("f/x"), "1");
  EXPECT_EQ(mode_of(folder_ / "f"), S_IFDIR | 0750U);
}

TEST_F(NewFileTest, WritingAndAppendingByNameTouchNothingButRegularFiles) {
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_NE(complaint<IoError>([&] { real_files().write(folder_ / "fifo", as_bytes("x")); }), "");
  EXPECT_NE(complaint<IoError>([&] { real_files().append(folder_ / "fifo", as_bytes("x")); }), "");
  EXPECT_NE(complaint<IoError>([&] { real_files().append("/dev/null", as_bytes("x")); }), "");
}

}  // namespace
}  // namespace ddpm
