#include "ddpm/base/input_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/sha256.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class InputFileTest : public testing::Test {
 protected:
  // A new file at each call: one that is open keeps its bytes.
  fs::path file_of(const std::string& bytes) const {
    fs::remove(folder_ / "a");
    return folder_.write("a", bytes);
  }

  const TemporaryFolder folder_;
};

// A socket with a name in the file system.
void make_socket(const fs::path& path) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ::close(socket);
}

TEST_F(InputFileTest, WhatIsNoRegularFileIsRefusedWithoutWaitingForIt) {
  const auto refused = [](const fs::path& path, const std::string& kind) {
    EXPECT_EQ(complaint<IoError>([&] { InputFile(path, Pipes::kTaken); }),
              concat("cannot read ", path.string(), ": expected a regular file, got ", kind));
    EXPECT_EQ(complaint<IoError>([&] { read_file(path, 10); }),
              concat("cannot read ", path.string(), ": expected a regular file, got ", kind));
  };
  ASSERT_EQ(::mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  make_socket(folder_ / "socket");
  refused(folder_ / "fifo", "a FIFO (named pipe)");
  refused(folder_ / "socket", "a socket");
  refused(folder_, "a folder");
  refused("/dev/zero", "a character device");
  fs::create_symlink(folder_ / "fifo", folder_ / "link");
  refused(folder_ / "link", "a FIFO (named pipe)");
  if (::mknod((folder_ / "disk").c_str(), S_IFBLK | 0600, makedev(7, 0)) == 0) {  // as root
    refused(folder_ / "disk", "a block device");
  }
}

TEST_F(InputFileTest, ReadingNamesThePathAndTheReason) {
  EXPECT_EQ(complaint<IoError>([&] { InputFile(folder_ / "none"); }),
            concat("cannot open ", (folder_ / "none").string(), ": No such file or directory"));
  EXPECT_THROW(read_file(file_of("12345678901"), 10), FormatError);
  EXPECT_EQ(read_file(file_of("1234567890"), 10), "1234567890");
  EXPECT_EQ(read_file(file_of(""), 10), "");
}

TEST_F(InputFileTest, AnAnonymousPipeIsReadToItsEndWhereOneIsTaken) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const fs::path path = concat("/proc/self/fd/", ends[0]);
  EXPECT_NE(complaint<IoError>([&] { InputFile{path}; }).find("got a FIFO"), std::string::npos);
  const std::string text(100'000, 'x');  // more than a pipe holds
  std::thread writer([&] {
    for (size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(ends[1], text.data() + done, text.size() - done);
      ASSERT_GT(n, 0);
      done += static_cast<size_t>(n);
    }
    ::close(ends[1]);
  });
  EXPECT_TRUE(read_file(path, 100'000, Pipes::kTaken) == text);
  writer.join();
  ::close(ends[0]);
}

TEST_F(InputFileTest, APipeOfMoreThanItsLimitIsRefused) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::write(ends[1], "12345678901", 11), 11);
  ::close(ends[1]);
  EXPECT_THROW(read_file(concat("/proc/self/fd/", ends[0]), 10, Pipes::kTaken), FormatError);
  ::close(ends[0]);
}

TEST_F(InputFileTest, AFileThatShrinksWhileItIsReadIsAnError) {
  const fs::path path = file_of(std::string(100'000, 'x'));
  const InputFile file(path);
  fs::resize_file(path, 50'000);
  std::string bytes(100'000, '\0');
  const auto all = std::as_writable_bytes(std::span<char>(bytes));
  file.read_at(0, all.first(50'000));
  const std::string wanted = concat(path.string(), " changed while it was read");
  EXPECT_EQ(complaint<IoError>([&] { file.read_at(0, all); }), wanted);
  EXPECT_EQ(complaint<IoError>([&] { file.read_at(60'000, all.first(10)); }), wanted);
  EXPECT_EQ(complaint<IoError>([&] { file.check_unchanged(); }), wanted);
  EXPECT_EQ(complaint<IoError>([&] { sha256_of_file(file); }), wanted);
}

TEST_F(InputFileTest, AFileThatGrowsIsReadAsItWasWhenItWasOpened) {
  const fs::path path = file_of("abc");
  const InputFile file(path);
  real_files().append(path, as_bytes("def"));
  EXPECT_EQ(file.size(), 3);
  std::string bytes(3, '\0');
  file.read_at(0, std::as_writable_bytes(std::span<char>(bytes)));
  EXPECT_EQ(bytes, "abc");
  EXPECT_NE(complaint<IoError>([&] { file.check_unchanged(); }), "");
}

TEST_F(InputFileTest, ADescriptorMovesWithItsObject) {
  InputFile first(file_of("abc"));
  InputFile second(std::move(first));
  InputFile third(file_of("xyz"));
  third = std::move(second);
  std::byte byte{};
  third.read_at(2, {&byte, 1});
  EXPECT_EQ(byte, std::byte{'c'});
}

TEST_F(InputFileTest, AFileOfAnySizeIsSummedUp) {
  EXPECT_EQ(sha256_of_file(file_of("abc")), sha256_hex(as_bytes("abc")));
  EXPECT_EQ(sha256_of_file(file_of("")), sha256_hex({}));
  const std::string large((3 << 20) + 17, 'x');
  EXPECT_EQ(sha256_of_file(file_of(large)), sha256_hex(as_bytes(large)));
}

}  // namespace
}  // namespace ddpm
