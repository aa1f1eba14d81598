"""Prints the results of `benchmarks.run` as markdown.

python -m benchmarks.table runs/bench/results.json
"""

import collections
import json
import pathlib
import statistics
import sys

ERRORS = {
    "product": "error of Hv",
    "density": "W1 / range",
    "extremes": "error / max abs",
    "trace": "RMS error",
}


def render(results):
    """The whole text: the machine, then a table for each workload and job."""
    info = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in info["versions"].items())
    lines = [
        f"{info['cores']} cores, {info['threads']} threads for JAX and for PyTorch, Python {info['python']}; "
        f"{versions}. Medians over interleaved repetitions; compile times apart. Errors are against lsgeo in "
        "float64.",
    ]
    groups = collections.defaultdict(lambda: collections.defaultdict(list))
    for record in results["records"]:
        groups[record["workload"], record["job"]][record["tool"]].append(record)
    for (workload, job), tools in groups.items():
        lines += ["", f"### {workload}: {job}", "", *_table(job, tools)]
    return "\n".join(lines)


def _table(job, tools):
    own = _median(tools.get("lsgeo", []), "seconds")
    gradients = {t: _median(records, "gradient_seconds") for t, records in tools.items()}
    best = min((g for g in gradients.values() if g), default=None)
    head = ["tool", "ms", "over lsgeo", "products", ERRORS[job]]
    head += (
        ["own gradients", "best gradients"] if job == "product" else ["met", "first run, s", "note"]
    )
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for tool, records in tools.items():
        seconds = _median(records, "seconds")
        if seconds is None:
            reason = next(r.get("missing") or r.get("failed") for r in records)
            lines.append(f"| {tool} | {reason} |" + " |" * (len(head) - 2))
            continue
        last = next(r for r in reversed(records) if "seconds" in r)
        row = [tool, f"{1e3 * seconds:.4g}", f"{seconds / own:.2f}" if own else ""]
        row += [str(last["products"]), f"{last['error']:.1e}"]
        if job == "product":
            row += [f"{seconds / gradients[tool]:.2f}", f"{seconds / best:.2f}"]
        else:
            met = {True: "yes", False: "no"}.get(last.get("met"), "")
            first = max(r.get("first_seconds", 0.0) for r in records)
            row += [met, f"{first:.1f}" if first else "", last.get("note", "")]
        lines.append(f"| {' | '.join(row)} |")
    return lines


def _median(records, field):
    found = [record[field] for record in records if field in record]
    return statistics.median(found) if found else None


if __name__ == "__main__":
    print(render(json.loads(pathlib.Path(sys.argv[1]).read_text())))
