"""The tables and the picture of a comparison.

    report.py FOLDER     reads FOLDER/results.json; writes report.md and chart.png, prints the tables

A ratio is the other's time over this one's, above 1 is faster; it is the median of the rounds' own ratios.
"""

import json
import pathlib
import statistics
import sys

import chart
from contenders import EAGER, OURS
from rounds import tell


def spread(values):
    """Median, and what a tenth of the values lies below and above; of few values the least and the largest."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    tenths = statistics.quantiles(values, n=10, method="inclusive")
    return statistics.median(values), tenths[0], tenths[-1]


def ratio(base, times):
    return statistics.median(a / b for a, b in zip(base, times))


def columns_of(setting):
    """Of each contender that was timed, in their order: {name: milliseconds an image of each round kept}."""
    kept = [one["ms_per_image"] for one in setting["rounds"] if one["kept"]]
    return {name: [one[name] for one in kept] for name in setting["contenders"] if name in kept[0]}


def summary(setting):
    """A row a contender: name, precision, median, low, high, ratio to the best peer and to eager PyTorch."""
    columns = columns_of(setting)
    rows = []
    for name, times in columns.items():
        said = setting["contenders"][name]
        same = {other: columns[other] for other in columns if setting["contenders"][other]["precision"] == said["precision"]}
        peers = {other: statistics.median(values) for other, values in same.items() if not other.startswith(OURS + " ")}
        best = min(peers, key=peers.get, default=None)
        eager = same.get(f"{EAGER} {said['precision']}")
        middle, low, high = spread(times)
        rows.append({"name": name, "system": said["system"], "precision": said["precision"], "median": middle, "low": low,
                     "high": high, "best_peer": best, "to_best": ratio(same[best], times) if best else None,
                     "to_eager": ratio(eager, times) if eager else None})
    return rows


def number(value):
    return "" if value is None else f"{value:.2f}"


def milliseconds(value):
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def setting_text(setting):
    yield (f"### {setting['network']}, {setting['parameters']:,} parameters, batch {setting['batch']}: "
           f"{tell(setting['rounds'])}\n")
    yield "| | ms an image | 10 % .. 90 % | to the best peer | to eager PyTorch | error | memory, MiB |"
    yield "|---|---|---|---|---|---|---|"
    for row in setting["rows"]:
        said = setting["contenders"][row["name"]]
        best = " (the best)" if row["name"] == row["best_peer"] else ""
        yield (f"| {row['name']}{best} | {milliseconds(row['median'])} | {milliseconds(row['low'])} .. "
               f"{milliseconds(row['high'])} | {number(row['to_best'])} | {number(row['to_eager'])} | {said['error']:.1e} | "
               f"{said['peak_mib']:,} |")
    yield ""
    for name, said in setting["contenders"].items():
        if "refused" in said:
            yield f"Not timed: {name}: {said['refused']}\n"
        elif said["awake"] > 0.08:
            yield f"Not idle while others were timed: {name} took {said['awake']:.0%} of a processor\n"


def job_rows(job):
    kept = [one["results"] for one in job["rounds"] if one["kept"]]
    for name in kept[0]:
        seconds = [one[name]["seconds"] for one in kept]
        peer = [one["diffusers " + name.split(" ")[1]]["seconds"] for one in kept]
        middle, low, high = spread(seconds)
        yield {"name": name, "median": middle, "low": low, "high": high, "to_diffusers": ratio(peer, seconds),
               "peak_mib": max(one[name]["peak_mib"] for one in kept)}


def job_text(job):
    executor = "by the engine" if job["engine"] else "by LibTorch, as this build has no --executor"
    yield (f"### {job['network']}: {job['images']} images by {job['steps']} steps of DDIM, process start to files; ddpm "
           f"{executor}: {tell(job['rounds'])}\n")
    yield "| | seconds | 10 % .. 90 % | to diffusers | memory, MiB |"
    yield "|---|---|---|---|---|"
    for row in job["rows"]:
        yield (f"| {row['name']} | {row['median']:.2f} | {row['low']:.2f} .. {row['high']:.2f} | "
               f"{row['to_diffusers']:.2f} | {row['peak_mib']:,} |")
    yield ""


def text(results):
    machine = results["machine"]
    yield (f"{machine['cpu']} ({', '.join(machine['instructions'])}), {results['threads']} threads of {machine['cores']} "
           f"cores, {machine['memory_gib']} GiB; {results['began']}\n")
    versions = {said["system"]: said["version"] for setting in results["settings"]
                for said in setting["contenders"].values() if "version" in said}
    versions[OURS] = results["ddpm"]
    yield "Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + "\n"
    if results["quick"]:
        yield "A quick run: it shows that everything works, not who is fast.\n"
    for setting in results["settings"]:
        yield from setting_text(setting)
    for job in results["jobs"]:
        yield from job_text(job)


def write(results, folder):
    for setting in results["settings"]:
        setting["rows"] = summary(setting)
    for job in results["jobs"]:
        job["rows"] = list(job_rows(job))
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    whole = "\n".join(text(results))
    (folder / "report.md").write_text(whole + "\n")
    print(whole)
    if results["settings"]:
        chart.draw(results, folder / "chart.png")


if __name__ == "__main__":
    source = pathlib.Path(sys.argv[1])
    write(json.loads((source / "results.json").read_text()), source)
