"""A page of synthetic networks that has one of everything."""

import dataclasses
import functools

import numpy as np

from lsgeo import SpectralDensity, plotting, study
from lsgeo.study import essay, laws
from lsgeo.study import page as report
from lsgeo.study.contrasts.paired import Difference, LogRatio
from lsgeo.study.decisions import _plain
from lsgeo.study.page import _laws, _pictures

DESIGNS = [
    study.Design(
        "MLP", "mlp", norm, (4, 16), ("plain", "residual", "scaled"), frozenset({"sharp", "gap"})
    )
    for norm in ("layer", "none")
]
SEEDS = range(5)
GAP = study.Smallest(0.2, "planted")


def hypothesis(name, contrast, **changes):
    return study.Hypothesis(
        name,
        f"Statement of {name}",
        contrast,
        "a metric",
        "the effect is not there",
        **{"threshold": study.Smallest(0.1, "planted"), **changes},
    )


def claim(name, *hypotheses):
    return study.Claim(
        name, f"Title {name}", f"Skips do {name}.", hypotheses, "Twins.", "All of it.", "a quote"
    )


def row(norm, depth, arm, seed, **columns):
    return {
        "family": "MLP",
        "norm": norm,
        "depth": depth,
        "arm": arm,
        "seed": seed,
        "reading": "matched",
        **columns,
    }


def rows():
    # Sharper without skips, by a factor that layer norm turns round; the gap is noise.
    rng = np.random.default_rng(0)
    found = []
    for norm in ("layer", "none"):
        for depth in (4, 16):
            for arm, size in (("plain", 3.0), ("residual", 1.0), ("scaled", 0.5)):
                for seed in SEEDS:
                    power = np.log(size) * (1 if norm == "layer" else -1) * depth / 8
                    noise = rng.normal() * 0.1
                    found.append(
                        row(
                            norm,
                            depth,
                            arm,
                            seed,
                            sharp=np.exp(power + noise),
                            gap=rng.normal(),
                        )
                    )
    return found


def claims():
    published = (
        study.Published("the trace rises at every depth", "Yao et al. 2020", 1),
        study.Published("it falls", "Nobody 1999", -1),
        study.Published("another quantity", "Someone 2001", 0),
    )
    sharp = LogRatio("sharp")
    arms = (("plain", "residual"), ("plain", "scaled"))
    return [
        claim(
            "C1",
            hypothesis("C1a", sharp, published=published, norms=("layer",), arms=arms),
            hypothesis("C1b", LogRatio("sharp", larger="with"), norms=("layer",)),
        ),
        claim("C2", hypothesis("C2a", sharp, published=published, arms=arms)),
        claim(
            "C3",
            hypothesis(
                "C3a",
                Difference("gap"),
                threshold=study.Smallest(0.2, "planted"),
                published=published[:1],
            ),
        ),
        claim("C4", hypothesis("C4a", LogRatio("absent"))),
        claim("C5", hypothesis("C5a", LogRatio("sharp"), norms=("none",))),
    ]


@functools.cache
def decide():
    return tuple(study.decide(claims(), rows(), DESIGNS))


def network(arm, depth, norm="layer"):
    rng = np.random.default_rng(depth)
    top = depth * (10.0 if arm == "without skips" else 1.0)
    nodes = np.sort(rng.normal(size=(2, 24)) * top / 20, axis=1)
    nodes[:, -1] = top
    density = SpectralDensity(nodes, np.full((2, 24), 1 / 24), 2000, 0.0, 48)
    x = np.linspace(-1, 1, 9)
    plane = np.exp(top * (x[:, None] ** 2 + x**2) / 20) * 0.5
    steps = np.arange(0, 300, 3)
    pooled = report.pooled_density([density, density])
    return report.Network(
        "MLP",
        norm,
        depth,
        arm,
        5,
        {"init": pooled, "matched": pooled},
        report.Plane(1.0, plane, 2.3, 0),
        report.median_curve([(steps, 2.3 * np.exp(-steps / (5 * depth)))] * 2),
    )


DEPTHS = (4, 8, 16)


def plane(depth, side):
    # A pit that is narrower without skips the deeper the network; no two planes have one value in common.
    x = np.linspace(-1, 1, 9)
    width = (8 / depth, 1.0)[side]
    return 0.5 + 0.01 * side + depth * (x[:, None] ** 2 + (x + 0.1) ** 2) / width


def twins(name="MLP, layer norm"):
    extremes = [
        plotting.Extremes(
            label, depth, (-size, -2 * size, -3 * size), (size, 9 * size, 2 * size), held
        )
        for depth in DEPTHS
        for label, size, held in (("no skip", depth**2.0, depth == 16), ("skip", 3.0, False))
    ]
    landscapes = [
        report.Landscape(depth, 0, 1.0, (plane(depth, 0), plane(depth, 1))) for depth in DEPTHS
    ]
    return report.Twins(name, tuple(landscapes), tuple(extremes), 2.3)


def law(number, verdict, sentence):
    record = laws.Law(
        *(f"L{number}", f"Title L{number}", f"Question of L{number}?", f"Statement of L{number}"),
        *(f"Limits of L{number}", "depth (blocks)", "metric (unit)", ("sharp",), lambda *_: None),
    )
    curve = laws.Curve(
        *("skip", "residual", "MLP", "layer", (4.0, 8.0, 16.0), (1.0, 2.0, 4.0)),
        *((0.9, 1.8, 3.6), (1.1, 2.2, 4.4), (False, False, True)),
    )
    curves = () if verdict == "not measured" else (curve,)
    return laws.LawResult(record, curves, verdict, sentence, "" if number > 1 else "At depth 32.")


def law_results():
    return [
        law(
            1,
            "holds within limits",
            "Sharpness grows with depth to the power of 2.5. More follows.",
        ),
        law(2, "holds", "Speed goes with the step size to the power of 1.0."),
        law(3, "fails", "Gradients do not vanish as theory says."),
        law(4, "not measured", "Not measured: no network has a dense Hessian."),
        law(5, "holds", "A norm is worth ×0.4 of a skip."),
    ]


def judgements():
    found = essay.known(_plain.plain(decide(), len(SEEDS), ""))
    held = {result.law.name: result.verdict for result in law_results()}
    return [essay.judge(sentence, found, held) for sentence in essay.SENTENCES]


def content(**changes):
    verdicts = decide()
    figure, ax = plotting.new_figure()
    ax.plot([0, 1], [0, 1])
    sections = [
        report.ClaimSection(
            [v for v in verdicts if v.claim == one],
            f"python -m experiments.study --only={one.name}",
            ("results.csv", "runs/MLP"),
        )
        for one in claims()
    ]
    plain = report.ReportContent(
        title="What did removing the skip connections do to the loss landscape?",
        answer=report.answer(verdicts, 60),
        claims=sections,
        laws=_laws.sections(law_results()),
        twins=[twins(), twins("MLP, no norm")],
        picture=_pictures.landscapes(twins(), 0.5),
        essay=judgements(),
        changed={"C2": "It counted what it could not see."},
        forest=report.Figure("All effects", "How to read it.", plotting.to_svg(figure), "All."),
        explorer=report.Explorer(
            [
                network(arm, depth, norm)
                for norm in ("layer", "none")
                for depth in (16, 4)
                for arm in ("without skips", "with skips")
            ],
            0.5,
        ),
        figures=[
            report.Figure("A picture", "How to read it.", plotting.to_svg(figure), "A line."),
            report.Figure("A bitmap", "Words.", b"\x89PNG\r\n\x1a\n" + b"\x00" * 8, "Nothing."),
        ],
        failures=["MLP of depth 32 without skips, seed 4: diverged."],
        unmeasured={"C4a": "no run measures absent."},
        problems=["runs/MLP-x is damaged."],
        provenance={"jax": "0.10", "data": "digits"},
        command="python -m experiments.study --workdir=runs/study",
    )
    return dataclasses.replace(plain, **changes)
