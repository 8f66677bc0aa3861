"""Makes the files beside it with diffusers: lists of timesteps, and chains on small arrays.

    python3 make.py

Noise, where a step wants some, is the falling ramp below in place of random numbers. A chain in
float64 is the same scheduler with float64 tables put in, where its own code lets it.
"""

import json
import pathlib
import warnings

import diffusers
import numpy
import torch
from diffusers import (DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler, PNDMScheduler)
from diffusers.schedulers import scheduling_ddpm

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
HERE = pathlib.Path(__file__).parent
SHAPE = (2, 1, 2, 3)
SIZE = 12
STEPS = (1, 2, 7, 10, 13, 50, 999, 1000)
SPACINGS = ("leading", "linspace", "trailing")
VERSIONS = {"diffusers": diffusers.__version__, "torch": torch.__version__.split("+")[0],
            "numpy": numpy.__version__}


def ramp(dtype):
    """Image i, value k: (2 k + i) / 12."""
    b, c, h, w = SHAPE
    x = torch.arange(SIZE, dtype=torch.float64).reshape(c, h, w, b).permute(3, 0, 1, 2)
    return (x / SIZE).to(dtype).contiguous()


def falling(dtype):
    return ((SIZE - 1) / SIZE - ramp(torch.float64)).to(dtype)


def start(case, dtype):
    x = ramp(torch.float64)
    return (3.0 * x - 1.5 if case["start"] == "wide" else x).to(dtype)


def network(case, x, n):
    """scale x n / (n + 1), and behind it, where a variance is learned, a second half."""
    out = case["scale"] * x * n / (n + 1)
    kind = case["scheduler"].get("variance_type")
    if kind == "learned_range":
        out = torch.cat([out, 2.0 * falling(x.dtype) - 1.0], 1)
    elif kind == "learned":
        out = torch.cat([out, 0.01 + 0.1 * falling(x.dtype)], 1)
    return out


def put_float64(scheduler):
    """The tables of the constructor once more, in float64; only for the linear schedule."""
    config = scheduler.config
    assert config.beta_schedule == "linear" and config.trained_betas is None
    betas = torch.linspace(config.beta_start, config.beta_end, config.num_train_timesteps,
                           dtype=torch.float64)
    scheduler.betas = betas
    scheduler.alphas = 1.0 - betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, dim=0)
    scheduler.one = torch.tensor(1.0, dtype=torch.float64)
    if hasattr(scheduler, "final_alpha_cumprod"):
        scheduler.final_alpha_cumprod = (scheduler.one if config.set_alpha_to_one
                                         else scheduler.alphas_cumprod[0])


CLASSES = {"DDPMScheduler": DDPMScheduler, "DDIMScheduler": DDIMScheduler,
           "PNDMScheduler": PNDMScheduler,
           "DPMSolverMultistepScheduler": DPMSolverMultistepScheduler}


def make(case):
    config = dict(case["scheduler"])
    return CLASSES[config.pop("_class_name")](**config)


def walk(case, dtype):
    """x behind each call."""
    scheduler = make(case)
    if dtype == torch.float64:
        put_float64(scheduler)
    scheduler.set_timesteps(case["steps"])
    scheduling_ddpm.randn_tensor = lambda *_, **__: falling(dtype)
    x = start(case, dtype)
    states = []
    for n in scheduler.timesteps.tolist():
        more = {}
        if isinstance(scheduler, DDIMScheduler):
            more = {"eta": case.get("eta", 0.0), "variance_noise": falling(dtype),
                    "use_clipped_model_output": case.get("rederived", False)}
        if isinstance(scheduler, DPMSolverMultistepScheduler):
            more = {"variance_noise": falling(dtype)}
        x = scheduler.step(network(case, x, n), n, x, **more).prev_sample
        states.append(x)
    return states


def numbers(x, digits):
    return [float(f"%.{digits}g" % v) for v in x.flatten().tolist()]


def chain(scheduler, steps, start="ramp", scale=1.0, **more):
    case = {"scheduler": scheduler, "steps": steps, "start": start, "scale": scale, **more}
    try:
        states = walk(case, torch.float32)
    except IndexError as error:  # a list that it cannot walk
        return {**case, "error": str(error)}
    if steps <= 7:
        case["states"] = [numbers(x, 9) for x in states]
    case["end"] = numbers(states[-1], 9)
    if scheduler["_class_name"] != "DPMSolverMultistepScheduler" and \
            scheduler.get("beta_schedule", "linear") == "linear":
        case["end_float64"] = numbers(walk(case, torch.float64)[-1], 15)
    return case


def bounds():
    yield "ramp", 1.0, {}
    yield "wide", 0.5, {}
    yield "wide", 0.5, {"clip_sample": False}
    yield "wide", 0.5, {"clip_sample_range": 0.6}
    yield "wide", 0.5, {"thresholding": True, "dynamic_thresholding_ratio": 0.87,
                        "sample_max_value": 1.7}


def ddpm_cases():
    name = {"_class_name": "DDPMScheduler"}
    for spacing in SPACINGS:
        for steps in STEPS[:-2]:
            yield chain({**name, "timestep_spacing": spacing}, steps)
        for prediction in ("epsilon", "sample", "v_prediction"):
            for variance in ("fixed_small", "fixed_small_log", "fixed_large", "learned",
                             "learned_range"):
                for begin, scale, bound in bounds():
                    yield chain({**name, "timestep_spacing": spacing, "variance_type": variance,
                                 "prediction_type": prediction, **bound}, 7, begin, scale)
    for schedule in ("scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace"):
        yield chain({**name, "beta_schedule": schedule, "prediction_type": "v_prediction"}, 10)
    yield chain({**name, "prediction_type": "v_prediction", "rescale_betas_zero_snr": True,
                 "timestep_spacing": "trailing", "beta_schedule": "scaled_linear"}, 10)
    yield chain({**name, "trained_betas": [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.3, 0.4],
                 "num_train_timesteps": 8, "timestep_spacing": "linspace",
                 "beta_schedule": "sigmoid"}, 5)
    yield chain({**name, "steps_offset": 1}, 10)
    yield chain(name, 1000)


def ddim_cases():
    name = {"_class_name": "DDIMScheduler"}
    for spacing in SPACINGS:
        for steps in STEPS[:-2]:
            for one in (True, False):
                yield chain({**name, "timestep_spacing": spacing, "set_alpha_to_one": one}, steps)
        for prediction in ("epsilon", "sample", "v_prediction"):
            for begin, scale, bound in bounds():
                for eta in (0.0, 0.7):
                    yield chain({**name, "timestep_spacing": spacing,
                                 "prediction_type": prediction, **bound}, 7, begin, scale, eta=eta)
                yield chain({**name, "timestep_spacing": spacing, "prediction_type": prediction,
                             **bound}, 7, begin, scale, rederived=True)
    yield chain({**name, "steps_offset": 1}, 50)
    yield chain({**name, "beta_start": 0.01}, 10)
    yield chain({**name, "beta_schedule": "squaredcos_cap_v2"}, 10)
    yield chain(name, 1000)


def pndm_cases():
    name = {"_class_name": "PNDMScheduler"}
    for spacing in SPACINGS:
        for skip in (True, False):
            for steps in STEPS[:-2]:
                if not skip and steps < 4:
                    continue  # its warm-up wants four
                for prediction in ("epsilon", "v_prediction"):
                    for one in (True, False):
                        yield chain({**name, "timestep_spacing": spacing, "skip_prk_steps": skip,
                                     "prediction_type": prediction, "set_alpha_to_one": one},
                                    steps)
    yield chain({**name, "steps_offset": 1, "skip_prk_steps": True,
                 "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}, 50)


def dpm_cases():
    name = {"_class_name": "DPMSolverMultistepScheduler"}
    for spacing in SPACINGS:
        for steps in STEPS[:-2]:
            yield chain({**name, "timestep_spacing": spacing}, steps)
        for prediction in ("epsilon", "sample", "v_prediction"):
            for order in (1, 2):
                for algorithm in ("dpmsolver++", "sde-dpmsolver++"):
                    for solver in ("midpoint", "heun"):
                        for end in ("zero", "sigma_min"):
                            yield chain({**name, "timestep_spacing": spacing, "solver_order": order,
                                         "prediction_type": prediction, "solver_type": solver,
                                         "algorithm_type": algorithm, "final_sigmas_type": end}, 7)
    for low in (True, False):
        for euler in (True, False):
            for steps in (10, 15, 16):
                yield chain({**name, "final_sigmas_type": "sigma_min", "lower_order_final": low,
                             "euler_at_final": euler}, steps)
    for ratio, most in ((0.87, 0.5), (0.87, 1.7)):
        yield chain({**name, "thresholding": True, "dynamic_thresholding_ratio": ratio,
                     "sample_max_value": most}, 10, "wide", 0.5)
    for schedule in ("linear", "scaled_linear", "squaredcos_cap_v2"):
        for steps in (5, 10, 20):
            yield chain({**name, "use_karras_sigmas": True, "beta_schedule": schedule,
                         "prediction_type": "v_prediction"}, steps)
    for spacing in SPACINGS:
        yield chain({**name, "beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1,
                     "timestep_spacing": spacing}, 20)
    yield chain({**name, "rescale_betas_zero_snr": True, "prediction_type": "v_prediction",
                 "timestep_spacing": "trailing"}, 10)
    yield chain({**name, "steps_offset": 1, "timestep_spacing": "leading"}, 10)


def runs(values):
    """[first, [difference, how often], ..]"""
    coded = values[:1]
    for before, after in zip(values, values[1:]):
        if len(coded) > 1 and coded[-1][0] == after - before:
            coded[-1][1] += 1
        else:
            coded.append([after - before, 1])
    return coded


def steps_of(scheduler, steps):
    """Where each call is made, and from where to where its step goes."""
    scheduler.set_timesteps(steps)
    calls = scheduler.timesteps.tolist()
    ways = []
    x = torch.zeros(1, 1, 1, 1)
    if isinstance(scheduler, DDIMScheduler):
        inner = scheduler._get_variance
        scheduler._get_variance = lambda n, p: ways.append([n, p]) or inner(n, p)
    elif isinstance(scheduler, PNDMScheduler):
        inner = scheduler._get_prev_sample
        scheduler._get_prev_sample = \
            lambda y, n, p, e: ways.append([int(n), int(p)]) or inner(y, n, p, e)
    elif isinstance(scheduler, DDPMScheduler):
        ways = [[n, int(scheduler.previous_timestep(n))] for n in calls]
    for n in calls if not isinstance(scheduler, DDPMScheduler) else []:
        scheduler.step(x, n, x)
    return calls, ways


def lists():
    for name, cls in CLASSES.items():
        for spacing in SPACINGS:
            for steps in STEPS + (48, 61, 96, 103, 300, 769):
                for offset in (0, 1):
                    for skip in ((True, False) if name == "PNDMScheduler" else (None,)):
                        config = {"_class_name": name, "timestep_spacing": spacing,
                                  "steps_offset": offset}
                        if skip is not None:
                            config["skip_prk_steps"] = skip
                        if offset > 0 and spacing != "leading":
                            continue
                        row = {"scheduler": config, "steps": steps}
                        try:
                            calls, ways = steps_of(make(row), steps)
                            row["calls"] = runs(calls)
                            row["from"] = runs([way[0] for way in ways])
                            row["to"] = runs([way[1] for way in ways])
                        except Exception as error:  # what it says of a list that it cannot walk
                            row["error"] = type(error).__name__
                            row["calls"] = runs(make_calls(row))
                        yield row


def make_calls(row):
    scheduler = make(row)
    try:
        scheduler.set_timesteps(row["steps"])
    except Exception:
        return []
    return scheduler.timesteps.tolist()


def tables():
    for schedule in ("linear", "scaled_linear", "squaredcos_cap_v2", "sigmoid", "laplace"):
        for rescaled in (False, True):
            config = {"_class_name": "DDPMScheduler", "beta_schedule": schedule,
                      "rescale_betas_zero_snr": rescaled}
            if rescaled:
                config["prediction_type"] = "v_prediction"
            table = make({"scheduler": config}).alphas_cumprod
            places = [0, 1, 2, 3, 10, 99, 250, 499, 500, 750, 998, 999]
            yield {"scheduler": config,
                   "alpha_bar": {str(n): float("%.9g" % table[n].item()) for n in places},
                   "sum": table.double().sum().item()}


def write(name, kind, rows):
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    head = json.dumps(VERSIONS)
    (HERE / name).write_text('{"versions":%s,\n"%s":[\n%s\n]}\n' % (head, kind, lines))


def main():
    write("ddpm.json", "chains", ddpm_cases())
    write("ddim.json", "chains", ddim_cases())
    write("pndm.json", "chains", pndm_cases())
    write("dpm.json", "chains", dpm_cases())
    write("lists.json", "lists", lists())
    write("tables.json", "tables", tables())


if __name__ == "__main__":
    main()
