# Tests that a sanitizer's build leaves out, since it takes 2 to 20 times as long: those that compare figures with
# statistics or with other programs, those that read the project's own texts, and end-to-end tests that take the way of
# another one with other settings.
set(ddpm_not_sanitized "")
if(DDPM_SANITIZE)
  list(APPEND ddpm_not_sanitized
    # figures
    EngineGolden.* CompiledUNet.ThePlainLoopsAreDiffusersInFloat64 Winograd.RoundsToBfloat16*
    SchedulerGolden.* RunSampler.SamplesTheData* RunRepaint.HasTheMoments* BoundEvaluator.* FlowLikelihood.Angle*
    # texts
    Equations.* Layers.*
    # the same way again
    Objectives.* Export.* WarmStarts.List* WarmStarts.LeaveNo* Evaluate.After* Evaluate.TheFlow* Data.AFolderOf*
    Resume.Killed* Resume.AnExtension* Resume.MoreSteps* Resume.ADamaged* Resume.AWrong* Resume.AfterKill*
    Sample.AGenerator* Sample.TimesCan* Sample.OneGenerator* Sample.EverySampler* Sample.EachPath* Sample.TheEps*
    Sample.ImagesDiffer* Sample.BatchAnd* SchedulerOfACheckpoint.Parity* Pictures.NoBatch* Pictures.ALearned*
    Pictures.AFamily* Pictures.Columns* Stop.AnInterrupt* Layouts.Nested*)
  if(NOT DDPM_TORCH)
    list(APPEND ddpm_not_sanitized Resume.*)  # of training alone, which another build's ddpm-torch does
  endif()
endif()

# Tests that take more than 2 s in the preset `release` on an idle Zen 4 core.
set(ddpm_slow
  Agreement.OfEngine* BadInputs.ASecondProcess* BadInputs.EachGets* Data.AFolderOf* EachPart/CutTraining.*
  Evaluate.AfterKill* Evaluate.TheFlow* Jobs.ImagesOfOther* Memory.StaysWithin* Objectives.EachRow* Objectives.EachWeight*
  Output.ARunThat* Output.EachLastLine* Resume.ADamaged* Resume.ARunWithout* Resume.AWrongType* Resume.AfterKill*
  Resume.AfterSigterm* Resume.AnExtension* Resume.Killed* Resume.MoreSteps* RunCheckpoints.WhatOthers*
  SpecialFiles.AsInputs* SpecialFiles.AsOutputs* Stop.ATerminal* Stop.ATrainingWhose* Stop.ATrainingWithout*
  Stop.AnInterrupt* Stop.AnOutput* UnusableCheckpoint.IsRefused* UnusableCheckpoint.NoRun*)

include(GoogleTest)
list(JOIN ddpm_not_sanitized ":" ddpm_test_filter)
if(ddpm_test_filter)
  set(ddpm_test_filter "-${ddpm_test_filter}")
endif()
list(JOIN ddpm_slow "|" ddpm_slow_regex)
string(REPLACE "." "\\." ddpm_slow_regex "${ddpm_slow_regex}")
string(REPLACE "*" ".*" ddpm_slow_regex "${ddpm_slow_regex}")

# ddpm_add_test(NAME PROGRAM [LABEL torch] [SHARDS N] [ENVIRONMENT VARIABLE=VALUE...]): the tests of PROGRAM for ctest, in
# two views. Each single test is NAME.SUITE.TEST, with the label `fast`, or else with `torch`, `slow` or both. NAME, or
# NAME_0 .. NAME_(N - 1), are whole programs with the label `shard`, which exist only for `ctest -C shards`: to run
# everything they take less time, since LibTorch is loaded once per shard and end-to-end tests share trained runs.
function(ddpm_add_test name program)
  cmake_parse_arguments(TEST "" "LABEL;SHARDS" "ENVIRONMENT" ${ARGN})
  # LibTorch's threads would spin while they wait, and two programs side by side take ten times as long
  set(environment ${ddpm_test_environment} OMP_WAIT_POLICY=PASSIVE ${TEST_ENVIRONMENT})
  ddpm_add_single_tests(${name} ${program} "${TEST_LABEL}" "${environment}")
  ddpm_add_shards(${name} ${program} "${TEST_SHARDS}" "${TEST_LABEL}" "${environment}")
endfunction()

# The list of tests is read when ctest starts, and only again if the program is newer.
function(ddpm_add_single_tests name program label environment)
  gtest_discover_tests(${program} TEST_PREFIX ${name}. TEST_LIST tests_of_${name} TEST_FILTER "${ddpm_test_filter}"
    DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60 NO_PRETTY_TYPES NO_PRETTY_VALUES)
  set(script ${CMAKE_CURRENT_BINARY_DIR}/${name}_labels.cmake)
  file(CONFIGURE OUTPUT ${script} @ONLY CONTENT [[
foreach(test IN LISTS tests_of_@name@)
  set(labels "@label@")
  if(test MATCHES [=[^@name@\.(@ddpm_slow_regex@)$]=])
    list(APPEND labels slow)
  endif()
  if(NOT labels)
    set(labels fast)
  endif()
  set_tests_properties(${test} PROPERTIES LABELS "${labels}" ENVIRONMENT "@environment@")
endforeach()
]])
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${script})
endfunction()

function(ddpm_add_shards name program shards label environment)
  if(NOT shards)
    set(shards 1)
  endif()
  if(ddpm_test_filter)  # an empty one would select no test
    list(APPEND environment "GTEST_FILTER=${ddpm_test_filter}")
  endif()
  math(EXPR last "${shards} - 1")
  foreach(shard RANGE ${last})
    set(test ${name})
    if(shards GREATER 1)
      set(test ${name}_${shard})
    endif()
    add_test(NAME ${test} COMMAND ${program} CONFIGURATIONS shards)
    set_tests_properties(${test} PROPERTIES LABELS shard ENVIRONMENT
      "${environment};GTEST_TOTAL_SHARDS=${shards};GTEST_SHARD_INDEX=${shard}")
    if(label STREQUAL "torch")
      set_tests_properties(${test} PROPERTIES COST 100)  # the longest first, before any run has measured them
    endif()
  endforeach()
endfunction()
