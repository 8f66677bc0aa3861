# Counts the single tests in the LastTest.log of ctest, whose tests are whole programs of GoogleTest or single tests.
#   awk [-v code=EXIT_CODE_OF_CTEST] -f tools/count_tests.awk build/release/Testing/Temporary/LastTest.log
# Prints "N passed, M failed". A test that began and did not end (a crash, a timeout) counts as failed, and so does a
# program that failed without a failed test. Exits with 1 unless tests passed and none failed.

function end_program() {
  crashed = begun - passed - failed - skipped
  if (crashed > 0) failed += crashed
  if (bad && failed == 0) failed = 1
  all_passed += passed
  all_failed += failed
  begun = passed = failed = skipped = bad = 0
}

/^[0-9]+\/[0-9]+ Testing: / { end_program() }
# another output may stand before it in the line
/\[ RUN      \] [^ ]+$/ { ++begun }
/\[       OK \] [^ ]+ \([0-9]+ ms\)$/ { ++passed }
/\[  SKIPPED \] [^ ]+ \([0-9]+ ms\)$/ { ++skipped }
/\[  FAILED  \] [^ ]+.* \([0-9]+ ms\)$/ { ++failed }
/^Test Failed\.$/ { bad = 1 }
# stands before the line of its program, which is recorded as passed
/^(Unable to|Could not) find executable/ { ++all_failed }

END {
  end_program()
  if (code != 0 && all_failed == 0) all_failed = 1
  print all_passed + 0 " passed, " all_failed + 0 " failed"
  exit !(all_passed > 0 && all_failed == 0)
}
