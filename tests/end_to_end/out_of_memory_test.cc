// Memory that cannot be had is one line with what to lower, in every command.

#include "ddpm/base/text.h"
#include "program.h"

namespace ddpm {
namespace {

class OutOfMemory : public EndToEnd {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "sanitizers reserve more addresses than the limit";
#endif
    EndToEnd::SetUp();
  }

  // Runs the program with that much address space.
  Outcome limited(int64_t mebibytes, const std::string& program,
                  const std::string& arguments) const {
    return run_shell(folder_, "ulimit -v " + std::to_string(mebibytes * 1024) + "; exec " +
                                  shell_word(DDPM_BUILD_DIR "/" + program) + " " + arguments);
  }

  static void expect_one_line(const Outcome& outcome, const std::string& command,
                              const std::string& flag) {
    EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
    const std::vector<std::string> lines = lines_of(outcome.err);
    ASSERT_FALSE(lines.empty());
    EXPECT_EQ(lines.back().rfind(command + ": not enough memory", 0), 0U) << outcome.err;
    EXPECT_NE(lines.back().find(": lower "), std::string::npos) << lines.back();
    EXPECT_NE(lines.back().find(flag), std::string::npos) << lines.back();
  }
};

TEST_F(OutOfMemory, OfTrainingNamesTheBatchSize) {
  const Outcome outcome =
      limited(1500, "ddpm-torch", "train --preset tiny --data data --out big --batch-size 65536");
  expect_one_line(outcome, "train", "--batch-size");
}

}  // namespace
}  // namespace ddpm
