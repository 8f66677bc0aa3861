"""One system with one network, one prediction for each command: the counterpart of engine_server.cc.

    worker.py SYSTEM FOLDER --batch N --precision fp32|bf16 --threads N

FOLDER is what networks.py makes. Prints "ready" and the system's version, and then answers each line of the standard
input with one line:
    run N        predicts N images, the batch: milliseconds
    write FILE   the output of the last run as raw float32: "written"
What is done once for a checkpoint (loading, compiling, moving the input into the layout and the number type that the
system wants) is not part of the milliseconds.
"""

import argparse
import json
import os
import pathlib
import sys
import time

import numpy as np


def input_of(options):
    facts = json.loads((options.folder / "facts.json").read_text())
    x = np.fromfile(options.folder / "input.raw", np.float32).reshape(-1, *facts["shape"])[:options.batch]
    return x, facts["timestep"]


def open_pytorch(options):
    """Eager, or compiled by Inductor with the weights as constants."""
    import torch
    from diffusers import UNet2DModel
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    layout = torch.contiguous_format if options.system == "pytorch" else torch.channels_last
    network = UNet2DModel.from_pretrained(options.folder / "checkpoint" / "unet").eval()
    network = network.to(dtype, memory_format=layout)
    x, timestep = input_of(options)
    x = torch.from_numpy(x).to(dtype, memory_format=layout)
    t = torch.tensor(timestep)
    if options.system == "pytorch-compile":
        import torch._inductor.config
        torch._inductor.config.freezing = True
        network = torch.compile(network, dynamic=False)

    def predict():
        with torch.no_grad():
            return network(x, t, return_dict=False)[0]

    return predict, lambda y: y.float().numpy(), torch.__version__


def open_openvino(options):
    import openvino
    x, timestep = input_of(options)
    core = openvino.Core()
    model = core.read_model(options.folder / "network.onnx")
    model.reshape({"sample": list(x.shape), "timestep": [options.batch]})
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_PRECISION_HINT": "bf16" if options.precision == "bf16" else "f32",
        "INFERENCE_NUM_THREADS": options.threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1})
    request = compiled.create_infer_request()
    request.set_tensor("sample", openvino.Tensor(np.ascontiguousarray(x)))
    request.set_tensor("timestep", openvino.Tensor(np.full(options.batch, timestep, np.int64)))

    def predict():
        request.infer()
        return request.get_output_tensor(0)

    return predict, lambda y: y.data.astype(np.float32), openvino.__version__


def open_onnxruntime(options):
    import onnxruntime
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    # its threads may spin between operators but not between runs, in which others are timed
    settings.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(options.folder / "network.onnx", settings, providers=["CPUExecutionProvider"])
    x, timestep = input_of(options)
    inputs = {"sample": x, "timestep": np.full(options.batch, timestep, np.int64)}
    return lambda: session.run(None, inputs)[0], lambda y: y, onnxruntime.__version__


SYSTEMS = {
    "pytorch": open_pytorch,
    "pytorch-channels-last": open_pytorch,
    "pytorch-compile": open_pytorch,
    "openvino": open_openvino,
    "onnxruntime": open_onnxruntime,
}


def serve(options, answers):
    predict, floats, version = SYSTEMS[options.system](options)
    y = predict()
    print("ready", version, file=answers, flush=True)
    for line in sys.stdin:
        command, value = line.rstrip("\n").split(" ", 1)
        if command == "run" and int(value) == options.batch:
            began = time.perf_counter()
            y = predict()
            print(1e3 * (time.perf_counter() - began), file=answers, flush=True)
        elif command == "write":
            np.ascontiguousarray(floats(y)).tofile(value)
            print("written", file=answers, flush=True)
        else:
            sys.exit(f"worker: wanted 'run {options.batch}' or 'write FILE', got '{line.strip()}'")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--precision", choices=("fp32", "bf16"), required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    serve(options, answers)


main()
