# Tests that a sanitizer's build leaves out, since it takes 2 to 20 times as long and they show it nothing new: figures of
# statistics or of other programs, which the release build compares, and ways that another test takes with other settings.
# They are 60 % of the time of all.
set(ddpm_not_sanitized "")
if(DDPM_SANITIZE)
  list(APPEND ddpm_not_sanitized
    # figures
    Agreement.* EngineGolden.* CompiledUNet.ThePlainLoopsAreDiffusersInFloat64 Winograd.RoundsToBfloat16*
    SchedulerGolden.* RunSampler.SamplesTheData* RunRepaint.HasTheMoments* BoundEvaluator.* FlowLikelihood.Angle*
    Initialise.* Equations.* Layers.*
    # the same way again
    RunTraining.MoreSteps* RunTraining.ImportanceSampling* EachPart/CutTraining.*/1 EachPart/CutTraining.*/2 SampleJob.JobsWhose*
    DiffusersFolder.AfterACrash* SafetensorsFormat.AHeaderOfMany* ParseJson.BoundsTheMemory*
    Objectives.* Export.* WarmStarts.List* WarmStarts.LeaveNo* Evaluate.After* Evaluate.TheFlow* Data.AFolderOf*
    Resume.Killed* Resume.AnExtension* Resume.MoreSteps* Resume.ADamaged* Resume.AWrong* Resume.AfterKill*
    Sample.AGenerator* Sample.TimesCan* Sample.OneGenerator* Sample.EverySampler* Sample.EachPath* Sample.TheEps*
    Sample.ImagesDiffer* Sample.BatchAnd* SchedulerOfACheckpoint.Parity* Pictures.NoBatch* Pictures.ALearned*
    Pictures.AFamily* Pictures.Columns* Stop.AnInterrupt* Layouts.Nested*)
endif()

# ddpm_add_test(NAME PROGRAM SHARDS ENVIRONMENT...): the tests of PROGRAM as SHARDS tests of ctest, which run side by side.

list(JOIN ddpm_not_sanitized ":" ddpm_test_filter)
if(ddpm_test_filter)
  set(ddpm_test_filter "GTEST_FILTER=-${ddpm_test_filter}")
endif()

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
