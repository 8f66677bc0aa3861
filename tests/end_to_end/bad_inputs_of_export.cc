#include "bad_inputs.h"

namespace ddpm {

namespace {

std::vector<std::string> export_with(const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {"export", "--checkpoint", "run", "--out", "new"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::vector<std::string> onnx_with(const std::string& checkpoint, const std::string& out,
                                   const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"export", "--checkpoint", checkpoint, "--out",
                                        out,      "--format",     "onnx"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

const std::vector<BadInput>& bad_inputs_of_export() {
  static const std::vector<BadInput> inputs = {
      {"ExportWithoutCheckpoint", {"export", "--out", "new"}, 2, {"export:", "--checkpoint"}},
      {"ExportWithoutOut", {"export", "--checkpoint", "run"}, 2, {"export:", "--out"}},
      {"ExportOfNothing",
       {"export", "--checkpoint", "nowhere", "--out", "new"},
       2,
       {"export: --checkpoint: nowhere does not exist"}},
      {"ExportOfAFolderOfImages",
       {"export", "--checkpoint", "data", "--out", "new"},
       2,
       {"wanted a run or a checkpoint"}},
      {"ExportOntoAFile",
       {"export", "--checkpoint", "run", "--out", "config.json"},
       2,
       {"--out", "config.json: expected a folder", "got a regular file"}},
      {"ExportIntoAFolderThatIsFull",
       {"export", "--checkpoint", "run", "--out", "data/"},
       2,
       {"--out", "data/: expected a folder that is new or empty"}},
      {"ExportBelowAFile",
       {"export", "--checkpoint", "run", "--out", "config.json/new"},
       2,
       {"--out", "config.json/new: expected a folder for new, got a regular file"}},
      {"ExportUnknownFormat", export_with({"--format", "difusers"}), 2, {"'diffusers'"}},
      {"ExportUnknownWeights", export_with({"--weights", "both"}), 2, {"ema, raw", "both"}},
      {"ExportUnknownDtype", export_with({"--dtype", "fp8"}), 2, {"fp32, fp16, bf16", "fp8"}},
      {"ExportShardsOfNoSize",
       export_with({"--max-shard-size", "10GiB"}),
       2,
       {"--max-shard-size: wanted a size", "10GiB"}},
      {"ExportShardsOfNothing", export_with({"--max-shard-size", "0"}), 2, {"at least one byte"}},
      {"ExportUnknownFlag", export_with({"--licence", "mit"}), 2, {"'--license'"}},
      {"ExportLicenseWithALineBreak",
       export_with({"--license", "mit\ntags: x"}),
       2,
       {"--license: wanted small letters"}},
      {"ExportStrayWord", export_with({"surplus"}), 2, {"export:", "surplus"}},
      {"ExportLegacyOfEightGroups",
       export_with({"--format", "diffusers-legacy"}),
       2,
       {"export: unet: norm_num_groups: diffusers 0.2.4 had only 32"}},
      {"ExportRawOfASingleSet",
       {"export", "--checkpoint", "single", "--out", "new", "--weights", "raw"},
       2,
       {"--weights raw", "single has one set of weights"}},
      {"ExportOfTooLargeNumbersAsHalf",
       {"export", "--checkpoint", "large", "--out", "new", "--dtype", "fp16"},
       1,
       {"export: ", "conv_in.bias has 1 of ", "too large for fp16"}},
      {"ExportOfAPickle",
       {"export", "--checkpoint", "pickled", "--out", "new"},
       1,
       {"pickle", "safetensors"}},
      {"ExportWithoutWeights",
       {"export", "--checkpoint", "weightless", "--out", "new"},
       1,
       {"diffusion_pytorch_model.safetensors"}},
      {"OnnxOfNothing", onnx_with("nowhere", "new.onnx"), 2, {"export: --checkpoint", "nowhere"}},
      {"OnnxIntoAFolder", onnx_with("run", "data"), 2, {"export: --out", "got a folder"}},
      {"OnnxBelowAFile",
       onnx_with("run", "x.npy/new.onnx"),
       2,
       {"export: --out", "expected a folder for new.onnx, got a regular file"}},
      {"OnnxUnknownFormat", export_with({"--format", "onx"}), 2, {"export: --format", "'onnx'"}},
      {"OnnxUnknownFlag",
       onnx_with("run", "new.onnx", {"--externaldata"}),
       2,
       {"export:", "'--external-data'"}},
      {"OnnxOfAPickle",
       onnx_with("pickled", "new.onnx"),
       1,
       {"export:", "pickle", "convert_pickle.py"}},
      {"FolderNamedAsAnOnnxFile",
       {"export", "--checkpoint", "run", "--out", "new.onnx"},
       2,
       {"export: --out", "--format onnx"}},
      {"OnnxInHalfPrecision",
       onnx_with("run", "new.onnx", {"--dtype", "fp16"}),
       2,
       {"export: --dtype", "belongs to --format diffusers"}},
      {"OnnxInShards",
       onnx_with("run", "new.onnx", {"--max-shard-size", "1MB"}),
       2,
       {"export: --max-shard-size", "belongs to"}},
      {"ExternalDataOfAFolder",
       export_with({"--external-data"}),
       2,
       {"export: --external-data", "belongs to --format onnx"}},
  };
  return inputs;
}

}  // namespace ddpm
