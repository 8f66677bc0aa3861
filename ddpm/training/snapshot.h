// A learner's whole state, to and from a checkpoint.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/checkpoints/store.h"
#include "ddpm/training/learner.h"

namespace ddpm {

// Writes the checkpoint of learner.counters().steps into `store`. What the learner itself knows
// overwrites the same fields of `state` (step, updates, skipped); the caller fills in the rest:
// data and `carried`. Throws as CheckpointStore::save does.
std::filesystem::path save_snapshot(const Learner& learner, TrainingState state,
                                    CheckpointStore& store, const KeepPolicy& keep,
                                    const CheckpointStore::KeptReport& report = {});

// Makes the learner, of the same configuration and network, go on bit for bit where the checkpoint
// was written. Throws FormatError or InvalidArgument; the learner may then have parts of it and
// must not be used.
TrainingState restore_snapshot(const std::filesystem::path& checkpoint, Learner& learner);

// Gives a new learner the averaged weights of a run or a checkpoint wherever names and shapes are
// those of its own network, weights and averages alike; the others stay as they are. Returns what
// became of each tensor, as lines for a person. Throws as resolve_checkpoint and read_arrays do,
// and InvalidArgument if nothing fits; the learner is then unchanged.
std::vector<std::string> begin_from(const std::filesystem::path& checkpoint, Learner& learner);

}  // namespace ddpm
