// tools/count_tests.awk counts what test.sh prints at its end.

#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <array>
#include <string>

#include "ddpm/base/file.h"
#include "ddpm/base/text.h"
#include "ddpm/testing/temporary_folder.h"

namespace ddpm {

namespace {

struct Counted {
  std::string line;
  int exit_code = 0;

  bool operator==(const Counted&) const = default;
};

// A log of ctest, a program after the other.
class Log {
 public:
  Log& program(const std::string& output, bool passed) {
    text_ += "1/2 Testing: x\n1/2 Test: x\nOutput:\n----------\n" + output +
             "<end of output>\nTest time =   0.10 sec\n----------\n" +
             (passed ? "Test Passed.\n" : "Test Failed.\n");
    return *this;
  }
  Log& line(const std::string& text) {
    text_ += text + "\n";
    return *this;
  }
  Counted count(int ctest_code = 0) const {
    const TemporaryFolder folder;
    write_file_whole(folder.path() / "log", text_);
    const std::string command = "awk -v code=" + std::to_string(ctest_code) + " -f " +
                                shell_word(DDPM_SOURCE_DIR "/tools/count_tests.awk") + " " +
                                shell_word((folder.path() / "log").string());
    FILE* pipe = ::popen(command.c_str(), "r");
    Counted counted;
    std::array<char, 256> part{};
    while (std::fgets(part.data(), part.size(), pipe) != nullptr) counted.line += part.data();
    counted.exit_code = WEXITSTATUS(::pclose(pipe));
    return counted;
  }

 private:
  std::string text_;
};

TEST(CountTests, CountsSingleTestsOfAllPrograms) {
  EXPECT_EQ(Log()
                .program("[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n[ RUN      ] A.C\n"
                         "[       OK ] A.C (12 ms)\n[==========] 2 tests\n[  PASSED  ] 2 tests.\n",
                         true)
                .program("[ RUN      ] D/E.F/0\nnoise[       OK ] D/E.F/0 (1 ms)\n"
                         "[ RUN      ] A.S\n[  SKIPPED ] A.S (0 ms)\n[  SKIPPED ] A.S\n",
                         true)
                .count(),
            (Counted{"3 passed, 0 failed\n", 0}));
}

TEST(CountTests, CountsAFailedTestOnceThoughTheSummaryNamesItAgain) {
  EXPECT_EQ(Log()
                .program("[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n[ RUN      ] A.C/0\n"
                         "[  FAILED  ] A.C/0, where GetParam() = 3 (1 ms)\n"
                         "[  FAILED  ] 1 test, listed below:\n"
                         "[  FAILED  ] A.C/0, where GetParam() = 3\n",
                         false)
                .count(8),
            (Counted{"1 passed, 1 failed\n", 1}));
}

TEST(CountTests, ACrashIsAFailureBesideOthers) {
  const std::string crash = "[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n[ RUN      ] A.C\n";
  EXPECT_EQ(Log().program(crash, false).count(8), (Counted{"1 passed, 1 failed\n", 1}));
  EXPECT_EQ(Log()
                .program("[ RUN      ] A.B\n[  FAILED  ] A.B (0 ms)\n[ RUN      ] A.C\n", false)
                .program(crash, false)
                .count(8),
            (Counted{"1 passed, 3 failed\n", 1}));
}

TEST(CountTests, ATestThatExitsWithSuccessInTheMiddleIsAFailure) {
  EXPECT_EQ(Log().program("[ RUN      ] A.B\n", true).count(),
            (Counted{"0 passed, 1 failed\n", 1}));
}

TEST(CountTests, AProgramThatFailsBehindItsTestsIsAFailure) {
  EXPECT_EQ(Log()
                .program("[ RUN      ] A.B\n[       OK ] A.B (0 ms)\nleaks\n", false)
                .program("[ RUN      ] A.C\n[       OK ] A.C (0 ms)\n", true)
                .count(8),
            (Counted{"2 passed, 1 failed\n", 1}));
}

TEST(CountTests, AProgramThatIsNotThereIsAFailure) {
  EXPECT_EQ(Log()
                .program("[ RUN      ] A.B\n[       OK ] A.B (0 ms)\n", true)
                .line("Unable to find executable: /x")
                .program("", true)
                .count(8),
            (Counted{"1 passed, 1 failed\n", 1}));
}

TEST(CountTests, NoTestsAreAFailure) {
  EXPECT_EQ(Log().count(), (Counted{"0 passed, 0 failed\n", 1}));
  EXPECT_EQ(Log().count(8), (Counted{"0 passed, 1 failed\n", 1}));
  EXPECT_EQ(Log().program("[==========] Running 0 tests.\n", true).count(),
            (Counted{"0 passed, 0 failed\n", 1}));
}

}  // namespace

}  // namespace ddpm
