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

list(JOIN ddpm_not_sanitized ":" ddpm_test_filter)
if(ddpm_test_filter)
  set(ddpm_test_filter "GTEST_FILTER=-${ddpm_test_filter}")
endif()

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
    set(environment ${ddpm_test_environment} OMP_WAIT_POLICY=PASSIVE ${ddpm_test_filter} ${ARGN}
      GTEST_TOTAL_SHARDS=${shards} GTEST_SHARD_INDEX=${shard})
    set_tests_properties(${test} PROPERTIES ENVIRONMENT "${environment}")
  endforeach()
endfunction()
