#include "ddpm/terminal/job_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>

#include "ddpm/base/check.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

class JobFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "run" / "checkpoints");
    for (const char* name : {"run/config.json", "photos/a.png", "photos/deep/b.png", "x.npy"}) {
      folder_.write(name, name);
    }
  }

  // What check() says of an output of a command that reads a run, photos and x.npy, without the
  // scratch folder's name; "" if nothing.
  template <typename Declare>
  std::string complaint(const Declare& declare) const {
    JobFiles files("c");
    files.reads("--checkpoint", folder_ / "run");
    files.reads_data("--data", folder_ / "photos");
    files.reads("--input", folder_ / "x.npy");
    declare(files);
    std::string text = ddpm::complaint<InvalidArgument>([&] { files.check(); });
    const std::string name = folder_.path().string() + "/";
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name)) {
      text.erase(at, name.size());
    }
    return text;
  }
  std::string file(const std::string& name, Content content = Content::kPng) const {
    return complaint([&](JobFiles& files) { files.writes("--out", path(name), content); });
  }
  std::string into(const std::string& name) const {
    return complaint([&](JobFiles& files) { files.writes_into("--out", path(name)); });
  }
  std::string makes(const std::string& name) const {
    return complaint([&](JobFiles& files) { files.makes_folder("--out", path(name)); });
  }
  fs::path path(const std::string& name) const {
    return name == "-" ? fs::path(name) : folder_ / name;
  }

  const TemporaryFolder folder_;
};

TEST_F(JobFilesTest, NewNamesAreTakenAndNothingIsMadeByTheCheck) {
  EXPECT_EQ(file("new/deep/a.png"), "");
  EXPECT_EQ(into("samples"), "");
  EXPECT_EQ(into("run/samples"), "");  // a folder in a run is no part of it
  EXPECT_EQ(makes("copy"), "");
  fs::create_directories(folder_ / "empty");
  EXPECT_EQ(makes("empty"), "");
  EXPECT_FALSE(fs::exists(folder_ / "new") || fs::exists(folder_ / "samples"));
  folder_.write("old.png", "old");
  EXPECT_EQ(file("old.png"), "");  // its name was given
}

TEST_F(JobFilesTest, NothingIsWrittenAmongTheCheckpointsOfARun) {
  fs::create_directories(folder_ / "run" / "checkpoints" / "00000010");
  fs::create_directory_symlink(folder_ / "run" / "checkpoints" / "00000010", folder_ / "link");
  const std::string expected =
      ": expected a place outside of run/checkpoints, which holds the checkpoints of a run and "
      "nothing else, got one inside";
  for (const char* name : {"run/checkpoints", "run/checkpoints/00000025",
                           "run/checkpoints/00000010/cells", "link/cells"}) {
    EXPECT_EQ(into(name), concat("c: --out: ", name, expected));
  }
  EXPECT_EQ(makes("run/checkpoints/00000030"), "c: --out: run/checkpoints/00000030" + expected);
  EXPECT_EQ(file("run/checkpoints/00000010/a.png"),
            "c: --out: run/checkpoints/00000010/a.png" + expected);
  EXPECT_EQ(into("run/samples"), "");
  EXPECT_EQ(makes("checkpoints/00000030"), "");  // of no run
}

TEST_F(JobFilesTest, TheKindIsThatOfWhatIsWritten) {
  EXPECT_EQ(file("photos"), "c: --out: photos: expected the name of a file, got a folder");
  EXPECT_EQ(into("x.npy"), "c: --out: x.npy: expected a folder or a new name, got a regular file");
  EXPECT_EQ(makes("run"),
            "c: --out: run: expected a folder that is new or empty, got one with files in it");
  EXPECT_EQ(file("x.npy/a.png"),
            "c: --out: x.npy/a.png: expected a folder for a.png, got a regular file, x.npy");
  fs::create_symlink("nowhere", folder_ / "way");
  EXPECT_EQ(file("way/a.png"),
            "c: --out: way/a.png: expected a folder for a.png, got a link that leads nowhere, way");
  ASSERT_EQ(::mkfifo((folder_ / "fifo.png").c_str(), 0600), 0);
  EXPECT_EQ(file("fifo.png"),
            "c: --out: cannot write fifo.png: expected a file, got a FIFO (named pipe)");
  EXPECT_NE(into("fifo.png"), "");
  fs::create_symlink("nowhere", folder_ / "link");
  EXPECT_EQ(into("link"),
            "c: --out: link: expected a folder or a new name, got a link that leads nowhere");
}

TEST_F(JobFilesTest, TheEndingIsThatOfTheContent) {
  EXPECT_EQ(file("a.jpg"),
            "c: --out: a.jpg: expected a name that ends in .png, since it gets a PNG picture, got "
            ".jpg");
  EXPECT_EQ(file("a.PNG"), "");
  EXPECT_EQ(file("a"), "");
  EXPECT_EQ(file("a.txt", Content::kCsv), "");
  EXPECT_NE(file("a.png", Content::kCsv), "");
  EXPECT_NE(file("a.npy", Content::kNpz), "");
  EXPECT_EQ(file("a.npz", Content::kNpz), "");
}

TEST_F(JobFilesTest, NoOutputIsAnInputUnderWhateverName) {
  EXPECT_EQ(file("x.npy", Content::kNpy),
            "c: --out: x.npy: expected another file than that of --input, got the same one");
  fs::create_symlink("x.npy", folder_ / "link.npy");
  fs::create_hard_link(folder_ / "x.npy", folder_ / "twin.npy");
  EXPECT_NE(file("link.npy", Content::kNpy), "");
  EXPECT_NE(file("twin.npy", Content::kNpy), "");
  EXPECT_NE(file("new/../x.npy", Content::kNpy), "");
}

TEST_F(JobFilesTest, NoOutputIsAFileInsideAnInput) {
  fs::create_hard_link(folder_ / "run/config.json", folder_ / "twin.png");
  EXPECT_EQ(file("twin.png"),
            "c: --out: twin.png: expected another file than those of --checkpoint, got "
            "run/config.json");
  fs::create_symlink("run/config.json", folder_ / "link.png");
  EXPECT_NE(file("link.png"), "");
  fs::create_symlink("../elsewhere.png", folder_ / "photos/linked.png");
  folder_.write("elsewhere.png", "");
  EXPECT_EQ(file("elsewhere.png"),
            "c: --out: elsewhere.png: expected another file than those of --data, got "
            "photos/linked.png");
  folder_.write("run/picture.png", "");  // an earlier result, which nothing reads
  EXPECT_EQ(file("run/picture.png"), "");
}

TEST_F(JobFilesTest, NothingNewAppearsAmongData) {
  for (const char* name : {"photos/new.png", "photos/deep/new.png", "photos/a/b.png"}) {
    EXPECT_NE(
        file(name).find("expected a place outside of --data photos, whose files are all data"),
        std::string::npos)
        << file(name);
  }
  EXPECT_NE(into("photos"), "");
  EXPECT_NE(into("photos/samples"), "");
  fs::create_directory_symlink("photos/deep", folder_ / "deep");
  EXPECT_NE(file("deep/new.png"), "");
}

// The walk over data follows links to folders, so what lies there is data too.
TEST_F(JobFilesTest, NothingNewAppearsAmongDataThatALinkLeadsTo) {
  fs::create_directories(folder_ / "more/deep");
  EXPECT_EQ(file("more/new.png"), "");
  fs::create_directory_symlink("../../more", folder_ / "photos/deep/link");
  for (const char* name : {"more/new.png", "more/deep/new.png", "more/a/b.png"}) {
    EXPECT_EQ(file(name), concat("c: --out: ", name,
                                 ": expected a place outside of --data photos, whose files "
                                 "are all data, got one inside, by the link photos/deep/link"));
  }
  EXPECT_NE(into("more"), "");
  EXPECT_NE(into("more/samples"), "");
  EXPECT_NE(makes("more/run"), "");
  EXPECT_EQ(file("elsewhere.png"), "");
}

TEST_F(JobFilesTest, TwoOutputsAreTwoFiles) {
  const auto two = [&](const std::string& first, const std::string& second) {
    return complaint([&](JobFiles& files) {
      files.writes("--csv", path(first), Content::kCsv);
      files.writes("--out", path(second), Content::kPng);
    });
  };
  EXPECT_EQ(two("a", "a"),
            "c: --out: a: expected another file than that of --csv, got the same one");
  EXPECT_NE(two("a", "run/../a"), "");
  fs::create_symlink("a", folder_ / "link");
  EXPECT_NE(two("a", "link"), "");
  EXPECT_NE(two("-", "-"), "");
  EXPECT_EQ(two("/dev/null", "/dev/null"), "");
  EXPECT_EQ(two("a", "b"), "");
}

TEST_F(JobFilesTest, NothingIsWrittenAmongDataThatTheCommandDoesNotRead) {
  fs::create_directories(folder_ / "album" / "deep");
  fs::create_directories(folder_ / "more");
  fs::create_directory_symlink("../more", folder_ / "album" / "link");
  const auto out = [&](const fs::path& name) {
    return complaint([&](JobFiles& files) {
      files.keeps_out_of("the data of run", folder_ / "album");
      files.writes_into("--out", folder_ / name);
    });
  };
  EXPECT_EQ(out("album/deep/new"),
            "c: --out: album/deep/new: expected a place outside of the data of run album, whose "
            "files are all data, got one inside");
  EXPECT_NE(out("album"), "");
  EXPECT_EQ(out("more"), "");  // links are followed in what the command reads alone
  EXPECT_EQ(out("samples"), "");
}

TEST_F(JobFilesTest, AFileIsNoneOfThoseThatAFolderGets) {
  // what is complained of in either order
  const auto both = [&](const std::string& file, const fs::path& folder) {
    const std::string last = complaint([&](JobFiles& files) {
      files.writes_into("--single", folder);
      files.writes("--out", folder_ / file, Content::kPng);
    });
    const std::string first = complaint([&](JobFiles& files) {
      files.writes("--out", folder_ / file, Content::kPng);
      files.writes_into("--single", folder);
    });
    EXPECT_EQ(first, last);
    return first;
  };
  const fs::path samples = folder_ / "samples";  // which does not exist yet
  fs::create_symlink("samples/000001.png", folder_ / "link.png");
  for (const char* name : {"samples/00-00.png", "samples/000001.png", "samples/grid.png",
                           "samples/.ddpm-lock", "link.png", "photos/../samples/00-13.png"}) {
    EXPECT_NE(both(name, samples).find("expected another name"), std::string::npos) << name;
  }
  for (const char* name : {"samples/all.png", "00-00.png", "samples/deep/00-00.png"}) {
    EXPECT_EQ(both(name, samples), "") << name;
  }
}

TEST_F(JobFilesTest, NamesOf255BytesCanBeWrittenAndLongerOnesAreRefused) {
  EXPECT_EQ(file(std::string(251, 'n') + ".png"), "");
  EXPECT_NE(file(std::string(252, 'n') + ".png"), "");
  EXPECT_NE(file(std::string(256, 'n') + "/a.png"), "");
  EXPECT_NE(makes(std::string(256, 'n')), "");
}

// In a child that is not root, whom modes do not stop.
TEST_F(JobFilesTest, WhatMayNotBeWrittenIsRefusedBeforeAnyWork) {
  folder_.write("closed/old.png", "");
  folder_.write("read-only.png", "");
  ASSERT_EQ(::chmod((folder_ / "read-only.png").c_str(), 0444), 0);
  ASSERT_EQ(::chmod((folder_ / "closed").c_str(), 0555), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0777), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() == 0 && ::setuid(kNobody) != 0) ::_exit(77);
    const auto has = [](const std::string& text, const char* part) {
      return text.find(part) != std::string::npos;
    };
    const bool right = has(file("closed/new.png"), "closed: Permission denied") &&
                       has(file("closed/old.png"), "Permission denied") &&
                       has(file("read-only.png"), "cannot be written: Permission denied") &&
                       has(into("closed/samples"), "Permission denied") &&
                       has(makes("closed/model"), "Permission denied") &&
                       has(into("closed"), "Permission denied") && file("new.png").empty();
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(::chmod((folder_ / "closed").c_str(), 0755), 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "cannot become another user";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(JobFilesTest, WhatNobodyMayWriteIsRefusedToRootToo) {
  folder_.write("read-only.png", "");
  ASSERT_EQ(::chmod((folder_ / "read-only.png").c_str(), 0444), 0);
  EXPECT_NE(file("read-only.png").find("read-only.png: cannot be written: "), std::string::npos);
  ASSERT_EQ(::chmod((folder_ / "read-only.png").c_str(), 0200), 0);
  EXPECT_EQ(file("read-only.png"), "");
}

TEST_F(JobFilesTest, WhatIsReplacedIsReportedWhenItIs) {
  folder_.write("photo.png", "");
  JobFiles files("c");
  files.writes("--out", folder_ / "photo.png", Content::kPng);
  files.writes("--csv", folder_ / "new.csv", Content::kCsv);
  testing::internal::CaptureStdout();
  files.check();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  testing::internal::CaptureStdout();
  files.write("--csv", "new");
  files.write("--out", "new");
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "replacing " + (folder_ / "photo.png").string() + "\n");
}

TEST_F(JobFilesTest, StandardOutputIsNamedByADashForFilesAlone) {
  EXPECT_NE(into("-").find("expected the name of a folder"), std::string::npos);
  EXPECT_NE(makes("-"), "");
  EXPECT_NE(file("-", Content::kOnnx), "");
  EXPECT_NE(file("/dev/null", Content::kOnnx), "");
  EXPECT_EQ(file("/dev/null"), "");
}

// The output alone goes to standard output, and what is printed to standard error, until the end.
TEST_F(JobFilesTest, WhatIsPrintedDoesNotMixWithAnOutput) {
  for (const char* name : {"-", "/dev/stdout"}) {
    const int out = ::open((folder_ / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    const int err = ::open((folder_ / "err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    std::cout.flush();
    const int kept_out = ::dup(STDOUT_FILENO);
    const int kept_err = ::dup(STDERR_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    std::string shown;
    {
      JobFiles files("c");
      files.writes("--csv", name, Content::kCsv);
      files.check();
      shown = files.shown("--csv");
      std::cout << "printed" << std::flush;
      files.write("--csv", "table");
    }
    std::cout << ", then printed" << std::flush;
    ::dup2(kept_out, STDOUT_FILENO);
    ::dup2(kept_err, STDERR_FILENO);
    for (const int one : {out, err, kept_out, kept_err}) ::close(one);
    EXPECT_EQ(read_file(folder_ / "out", 100), "table, then printed") << name;
    EXPECT_EQ(read_file(folder_ / "err", 100), "printed") << name;
    EXPECT_EQ(shown, "standard output") << name;
  }
}

TEST_F(JobFilesTest, AnOutputIsWrittenWithTheFoldersOnItsWay) {
  JobFiles files("c");
  files.writes("--out", folder_ / "new/deep/a.png", Content::kPng);
  files.check();
  EXPECT_EQ(files.shown("--out"), (folder_ / "new/deep/a.png").string());
  files.write("--out", "bytes");
  EXPECT_EQ(read_file(folder_ / "new/deep/a.png", 10), "bytes");
}

}  // namespace
}  // namespace ddpm
