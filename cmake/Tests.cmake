# ddpm_add_test(NAME PROGRAM SHARDS ENVIRONMENT...): the tests of PROGRAM as SHARDS tests of ctest, which run side by side.

function(ddpm_add_test name program shards)
  math(EXPR last "${shards} - 1")
  foreach(shard RANGE ${last})
    set(test ${name})
    if(shards GREATER 1)
      set(test ${name}_${shard})
    endif()
    add_test(NAME ${test} COMMAND ${program})
    # LibTorch's threads would spin while they wait, and two programs side by side take ten times as long
    set(environment ${ddpm_test_environment} OMP_WAIT_POLICY=PASSIVE ${ARGN}
      GTEST_TOTAL_SHARDS=${shards} GTEST_SHARD_INDEX=${shard})
    set_tests_properties(${test} PROPERTIES ENVIRONMENT "${environment}")
  endforeach()
endfunction()
