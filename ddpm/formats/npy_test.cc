#include "ddpm/formats/npy.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

NpyArray floats(std::vector<int64_t> shape, const std::vector<float>& values) {
  NpyArray array{"<f4", std::move(shape), std::string(values.size() * sizeof(float), '\0')};
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

std::string error_of(const std::string& bytes) {
  return complaint<FormatError>([&] { decode_npy(bytes, "x.npy"); });
}

// A version 1.0 file with this header, as numpy would lay it out, and this much data.
std::string file_with(const std::string& header, size_t data_bytes) {
  std::string bytes = "\x93NUMPY";
  bytes += {'\x01', '\x00', static_cast<char>(header.size() & 0xff),
            static_cast<char>(header.size() >> 8)};
  return bytes + header + std::string(data_bytes, '\0');
}

TEST(Npy, ArraysOfAnyRankComeBack) {
  for (const NpyArray& array :
       {floats({2, 3}, {1, 2, 3, 4, 5, 6}), floats({1}, {-0.5F}), floats({}, {7}),
        floats({0, 4}, {}), floats({1, 1, 1, 2}, {1, 2})}) {
    const NpyArray back = decode_npy(encode_npy(array), "x");
    EXPECT_EQ(back.dtype, array.dtype);
    EXPECT_EQ(back.shape, array.shape);
    EXPECT_EQ(back.bytes, array.bytes);
  }
}

TEST(Npy, TheHeaderIsThatOfTheFormatAndTheDataBeginAtAMultipleOf64) {
  const std::string file = encode_npy(floats({2, 3}, {1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(file.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_NE(file.find("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"),
            std::string::npos);
  EXPECT_EQ((file.size() - 24) % 64, 0U);
  EXPECT_EQ(file[file.size() - 25], '\n');
}

TEST(Npy, VersionTwoHasALongerLength) {
  std::string file = "\x93NUMPY";
  const std::string header = "{'descr':'|u1','fortran_order':False,'shape':(3,)}\n";
  file += {'\x02', '\x00', static_cast<char>(header.size()), '\0', '\0', '\0'};
  EXPECT_EQ(decode_npy(file + header + "abc", "x").bytes, "abc");
}

TEST(Npy, NumbersAreConverted) {
  NpyArray doubles{"<f8", {1}, std::string(8, '\0')};
  const double value = 0.25;
  std::memcpy(doubles.bytes.data(), &value, 8);
  EXPECT_EQ(npy_floats(doubles, "x"), std::vector<float>{0.25F});
  NpyArray ints{"<i4", {1}, std::string("\xff\xff\xff\xff", 4)};
  EXPECT_EQ(npy_integers(ints, "x"), std::vector<int64_t>{-1});
  EXPECT_EQ(npy_integers({"|u1", {2}, "\x01\xff"}, "x"), (std::vector<int64_t>{1, 255}));
  EXPECT_THROW(npy_integers(doubles, "x"), FormatError);
  EXPECT_THROW(npy_floats(ints, "x"), FormatError);
}

TEST(Npy, EachWayToBeWrongIsNamed) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n";
  EXPECT_EQ(error_of(file_with(good, 8)), "");
  EXPECT_NE(error_of(file_with(good, 7)).find("does not fit 7 bytes"), std::string::npos);
  EXPECT_NE(error_of(file_with(good, 9)).find("does not fit 9 bytes"), std::string::npos);
  const auto changed = [&good](const std::string& from, const std::string& to) {
    std::string header = good;
    header.replace(header.find(from), from.size(), to);
    return error_of(file_with(header, 8));
  };
  EXPECT_NE(changed("False", "True").find("Fortran order"), std::string::npos);
  EXPECT_NE(changed("<f4", ">f4").find("got '>f4'"), std::string::npos);
  EXPECT_NE(changed("<f4", "|O"), "");
  EXPECT_NE(changed("(2,)", "(4294967296, 4294967296)").find("does not fit"), std::string::npos);
  EXPECT_NE(changed("(2,)", "(99999999999999999999,)"), "");
  EXPECT_NE(changed("(2,)", "(-2,)"), "");
  EXPECT_NE(changed("'shape'", "'shade'"), "");
  EXPECT_NE(changed(", }", ", 'shape': (2,)}"), "") << "a key twice";
  EXPECT_NE(error_of("\x93NUMPY"), "");
  EXPECT_NE(error_of(std::string("\x93NUMPY\x01\x00\xff\xff{", 11)).find("length"),
            std::string::npos);
  EXPECT_NE(error_of(std::string("\x93NUMPY\x09\x00\x02\x00{}", 12)).find("format 9"),
            std::string::npos);
}

TEST(Npy, AFileIsReadInPartsAfterItsHeader) {
  const TemporaryFolder folder;
  const std::string whole = encode_npy(floats({2, 3}, {1, 2, 3, 4, 5, 6}));
  const std::filesystem::path path = folder.write("a.npy", whole);
  const NpyFile file(path, "x");
  EXPECT_EQ(file.dtype(), "<f4");
  EXPECT_EQ(file.shape(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(npy_floats(file.values(2, 3), "x"), (std::vector<float>{3, 4, 5}));
  EXPECT_EQ(file.values(6, 0).count(), 0);
  for (const std::string& bad : {whole.substr(0, whole.size() - 1), whole + "x",
                                 whole.substr(0, 50), std::string("x"), std::string()}) {
    folder.write("a.npy", bad);
    EXPECT_THROW(NpyFile(path, "x"), FormatError);
  }
}

// 2^53 bytes are promised, 80 are there: nothing is allocated for the promise.
TEST(Npy, OfAPipeNoMoreIsReadThanItsHeaderNames) {
  const std::string array = encode_npy({"<f4", {2, 1}, std::string(8, 'x')});
  const auto read = [](const std::string& written) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    EXPECT_EQ(::write(ends[1], written.data(), written.size()), std::ssize(written));
    ::close(ends[1]);
    std::string text = "";
    try {
      text = read_npy("/dev/fd/" + std::to_string(ends[0]), "a", 1000).bytes;
    } catch (const FormatError& error) {
      text = error.what();
    }
    ::close(ends[0]);
    return text;
  };
  EXPECT_EQ(read(array), std::string(8, 'x'));
  EXPECT_EQ(read(""), "a: expected a .npy file, got an empty one");
  EXPECT_EQ(read(encode_npy({"<f4", {0, 7}, ""})), "");
  EXPECT_EQ(read(array + std::string(20'000, 'y')).find("a: the shape [2, 1] of <f4 does not fit"),
            0U);
  EXPECT_EQ(read(array.substr(0, array.size() - 1)).find("a: the shape [2, 1]"), 0U);
  const std::string large = npy_header({"<f4", {1 << 20}, ""});
  EXPECT_EQ(read(large), "a: expected an array of at most 1000 bytes, got [1048576] of <f4");
}

TEST(Npy, ThePipeOfAnEndlessWriterIsLeftSoon) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto handler = ::signal(SIGPIPE, SIG_IGN);
  constexpr size_t kEndless = 16 << 20;
  size_t written = 0;
  std::thread writer([&] {
    const std::string more = encode_npy({"<f4", {2, 1}, std::string(8, 'x')});
    const std::string piece(4096, 'y');
    for (bool open = ::write(ends[1], more.data(), more.size()) > 0; open && written < kEndless;) {
      const ssize_t count = ::write(ends[1], piece.data(), piece.size());
      open = count > 0;
      written += open ? static_cast<size_t>(count) : 0;
    }
    ::close(ends[1]);
  });
  EXPECT_THROW(read_npy("/dev/fd/" + std::to_string(ends[0]), "a", 1 << 30), FormatError);
  ::close(ends[0]);
  writer.join();
  ::signal(SIGPIPE, handler);
  EXPECT_LT(written, size_t{1} << 20);
}

TEST(Npy, TheSizeIsComparedWithTheFileBeforeAnythingIsAllocated) {
  NpyArray promise = floats({2}, {1, 2});
  promise.shape = {int64_t{1} << 51};
  EXPECT_THROW(decode_npy(encode_npy(promise), "x"), FormatError);
}

TEST(Npy, TheCountIsTheProductOfTheExtentsInAnyOrder) {
  constexpr int64_t kLarge = int64_t{1} << 62;
  EXPECT_EQ((NpyArray{"<f4", {}, ""}.count()), 1);
  EXPECT_EQ((NpyArray{"<f4", {2, 3, 4}, ""}.count()), 24);
  EXPECT_EQ((NpyArray{"<f4", {kLarge, 1}, ""}.count()), kLarge);
  EXPECT_EQ((NpyArray{"<f4", {kLarge, 4, 0}, ""}.count()), 0);
  EXPECT_EQ((NpyArray{"<f4", {0, kLarge, 4}, ""}.count()), 0);
  EXPECT_THROW((NpyArray{"<f4", {kLarge, 4}, ""}.count()), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
