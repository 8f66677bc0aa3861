#include "ddpm/base/foreign_file.h"

#include <gtest/gtest.h>

#include "ddpm/testing/complaint.h"

namespace ddpm {
namespace {

using namespace std::string_literals;

TEST(ForeignFile, PointersNameTheCommandThatFetchesTheFile) {
  expect_contains(what_it_is("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n"),
                  "a Git LFS pointer, not the file itself; run 'git lfs pull'");
  expect_contains(what_it_is("/annex/objects/SHA256E-s9--ab.png\n"), "git annex get");
}

TEST(ForeignFile, WebPagesAreToBeDownloadedAgain) {
  for (const char* page :
       {"<!DOCTYPE html>\n<html>", "<!doctype HTML>", "\xef\xbb\xbf \r\n\t<HTML lang=en>",
        "<?xml version=\"1.0\"?>\n<!DOCTYPE html PUBLIC>\n<html>", "<head><title>"}) {
    expect_contains(what_it_is(page),
                    "an HTML page, as a server sends in place of a file; download");
  }
  expect_contains(what_it_is("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code>"),
                  "an XML document");
  expect_contains(what_it_is("Entry not found"), "a server's error message");
  expect_contains(what_it_is("404: Not Found"), "a server's error message");
}

TEST(ForeignFile, KnownKindsAreNamed) {
  EXPECT_EQ(what_it_is("PK\3\4...."), "a zip archive");
  EXPECT_EQ(what_it_is("\x80\2}q\0"s), "a Python pickle");
  EXPECT_EQ(what_it_is("\x80\5\x95"s), "a Python pickle");
  EXPECT_EQ(what_it_is("\x80\x09"s), "");
  expect_contains(what_it_is("\x1f\x8b\x08"), "gzip-compressed data; decompress it with gunzip");
  expect_contains(what_it_is("\x04\x22\x4d\x18"), "lz4-compressed data");
  EXPECT_EQ(what_it_is("{}"), "JSON text");
  EXPECT_EQ(what_it_is("\x1f\x8b\0\0\0\0\0\0{\"a\""s), "a safetensors file");  // of 35,615 bytes
  EXPECT_EQ(what_it_is("\x10\0\0\0\0\0\0\0{\"a\""s), "a safetensors file");
  EXPECT_EQ(what_it_is("\x89PNG\r\n\x1a\n"), "a PNG image");
  EXPECT_EQ(what_it_is("RIFF\1\2\3\4WEBPVP8 "), "a WebP image");
  EXPECT_EQ(what_it_is("BM\1\2\3\4\0\0\0\0"s), "a BMP image");
  expect_contains(what_it_is("\0\0\0\x1c"
                             "ftypheic"s),
                  "HEIC image; convert it to PNG");
  EXPECT_EQ(what_it_is(std::string(257, 'n') + "ustar"), "a tar archive");
  expect_contains(what_it_is(std::string(500, '\0')), "zero bytes");
  expect_contains(what_it_is("\xff\xfe{\0"s), "UTF-16");
  expect_contains(what_it_is(""), "an empty file");
}

TEST(ForeignFile, OtherTextsAndBytesAreNotGuessedAt) {
  for (const std::string& bytes : {"hello"s, "\0"s, "BM"s, "\x12\x34\x56"s, " "s}) {
    EXPECT_EQ(what_it_is(bytes), "") << bytes;
    EXPECT_EQ(got_instead(bytes), "bytes of an unknown kind");
  }
}

}  // namespace
}  // namespace ddpm
