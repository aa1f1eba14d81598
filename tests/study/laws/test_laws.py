"""The five laws tell planted studies apart: where they hold, where they do not, and where there is no
number."""

import csv
import functools
import io
import json
import math

import numpy as np
import pytest

from lsgeo.study import laws, table
from tests.study.laws.planted_rows import ARMS, DEPTHS, design, generator, power_rows, rows_of

STEEP = {"plain": 2.5, "residual": 0.7, "scaled": 0.0}
QUIET = {"seeds": 8, "noise": 0.1, "spread": 0.05}


def _of(name, rows, *designs):
    law = laws.LAWS[name]
    return law.measure(law, rows, designs or (design(),))


def test_sharpness_as_the_law_has_it_holds_with_the_planted_exponents():
    found = _of("L1", power_rows(generator(0), STEEP, **QUIET))
    assert found.verdict == "holds" and not found.stops
    exponents = {curve.arm: curve.exponent for curve in found.curves}
    for arm, power in STEEP.items():
        assert exponents[arm].lower <= power <= exponents[arm].upper
        assert str(exponents[arm]) in found.sentence


def test_without_a_law_it_is_found_no_more_often_than_by_chance():
    two, steeper = {"plain": 0.0, "residual": 0.0}, 0
    for k in range(200):
        found = _of("L1", power_rows(generator(k), two, noise=0.3, spread=0.2))
        steeper += found.checks[0].answer == "yes"
        assert found.verdict != "holds within limits" or found.checks[0].answer == "yes"
    assert steeper <= 10


def test_a_sharpness_that_the_rate_holds_down_is_at_least():
    found = _of("L1", power_rows(generator(0), STEEP, limit=3000.0, **QUIET))
    plain = next(curve for curve in found.curves if curve.arm == "plain")
    assert plain.bound[-1] and not plain.bound[0] and math.isnan(plain.upper[-1])
    assert plain.exponent.side == 1 and plain.exponent.lower < 2.5 < plain.exponent.upper
    assert found.verdict == "holds within limits" and "at least" in found.sentence
    assert "the learning rate holds the sharpness down" in found.stops


@pytest.mark.parametrize("name", ["L1", "L5"])
def test_two_depths_are_not_measured(name):
    rows = power_rows(generator(0), STEEP, depths=(4, 8))
    found = _of(name, rows, design(depths=(4, 8)))
    assert found.verdict == "not measured" and "needs three depths" in found.sentence


def test_a_study_of_nothing_is_not_measured_and_says_what_is_missing():
    for found in laws.measured([], []):
        assert found.verdict == "not measured" and found.sentence.startswith("Not measured: ")


def test_networks_that_never_reached_the_loss_are_counted():
    rows = power_rows(generator(0), STEEP, **QUIET)
    lost = [
        r
        for r in rows
        if (r["arm"], r["depth"], r["reading"]) != ("plain", 32, "matched") or r["seed"] > 1
    ]
    found = _of("L1", lost)
    assert "2 of 8 networks of depth 32 never reached the loss" in found.stops
    assert found.verdict == "holds within limits"


def _swept(rows, arms=ARMS, **columns):
    """The rows with twice the sharpness at a rate of zero, in some arms."""
    return [
        row | {"sharpness_limit": 2 * row["lambda_max"]} | columns
        if row["reading"] == "matched" and row["arm"] in arms
        else row
        for row in rows
    ]


def test_the_sharpness_at_a_rate_of_zero_is_read_where_all_that_is_compared_has_it():
    rows = power_rows(generator(0), STEEP, limit=3000.0, **QUIET)
    own, swept = (_of("L1", some).curves for some in (rows, _swept(rows)))
    for curve, other in zip(own, swept, strict=True):
        assert other.value == pytest.approx([2 * value for value in curve.value])
    assert any(own[0].bound) and not any(swept[0].bound)
    assert _of("L1", _swept(rows, ("plain", "residual"))).curves == own


def test_a_sweep_that_does_not_settle_makes_a_bound():
    rows = power_rows(generator(0), STEEP, **QUIET)
    plain = _swept(_swept(rows), ("plain",), sharpness_limit_bound=True)
    found = _of("L1", plain)
    assert [set(curve.bound) for curve in found.curves] == [{True}, {False}, {False}]
    # Where the first depth is a bound as the last one is, the power may be any.
    assert found.checks[0].answer == "open" and "no exponent" in found.checks[0].text


def _speed_rows(rng, *, power=1.0, common=0.0, seeds=5, held=0):
    rows = []
    for seed in range(seeds):
        for depth in DEPTHS:
            for arm in ARMS:
                gain = 0.0 if arm == "plain" else math.log(depth) * (0.8 + 0.3 * (arm == "scaled"))
                noise = 0.05 * rng.normal(size=3)
                steps = 300 * math.exp(-power * gain + noise[0])
                where = "MLP", "layer", arm, depth, seed
                rows += [
                    rows_of(
                        *where,
                        reading="",
                        steps=min(steps, held or steps),
                        steps_bound=bool(held) and steps >= held,
                        **{"step_at_0.5": 900 * math.exp(-common * gain + noise[1])},
                    ),
                    rows_of(*where, reading="init", stable_rate=0.2 * math.exp(gain + noise[2])),
                ]
    return rows


def test_speed_as_the_law_has_it_holds_and_a_speed_at_one_rate_does_not():
    assert _of("L2", _speed_rows(generator(0)), design("layer")).verdict == "holds"
    found = _of("L2", _speed_rows(generator(0), common=1.0), design("layer"))
    answers = [check.answer for check in found.checks]
    assert answers == ["yes", "yes", "no", "no"] and found.verdict == "fails"
    slow = _of("L2", _speed_rows(generator(0), power=0.4), design("layer"))
    assert [check.answer for check in slow.checks][1] == "no"


def test_twins_that_ran_out_of_steps_bound_the_speed_from_below():
    found = _of("L2", _speed_rows(generator(0), held=290), design("layer"))
    assert all(all(curve.bound) for curve in found.curves if "best" in curve.panel)
    assert "at least" in found.sentence


def test_a_stable_rate_at_the_end_of_its_grid_is_no_place_on_the_axis():
    rows = _speed_rows(generator(0))
    for row in rows:
        if (row["arm"], row["depth"], row["reading"]) == ("residual", 32, "init"):
            row["stable_rate_bound"] = 1.0
    found = _of("L2", rows, design("layer"))
    assert "with skips, depth 32 is left out: 5 stable rates are bounds" in found.stops
    assert len(next(c for c in found.curves if c.arm == "residual").x) == 3


@functools.cache
def _weights(width, blocks, seed, networks=300):
    scale = math.sqrt(2 / width)
    return scale * generator(seed).normal(size=(blocks, networks, width, width))


def _simulated(arm, depth, width, seed):
    """Mean log of the gradient at the first stream over that at the last, by backward passes in NumPy."""
    shortcut, branch = {"plain": (0, 1), "residual": (1, 1), "scaled": (1, depth**-0.5)}[arm]
    weights, rng = _weights(width, 31, seed)[: depth - 1], generator(100 + seed)
    streams = [rng.normal(size=(weights.shape[1], width, 1))]
    for w in weights:
        streams.append(shortcut * streams[-1] + branch * (w @ np.maximum(streams[-1], 0)))
    last = gradient = rng.normal(size=streams[0].shape)
    for w, stream in zip(weights[::-1], streams[-2::-1], strict=True):
        inside = (stream > 0) * (w.transpose(0, 2, 1) @ gradient)
        gradient = shortcut * gradient + branch * inside
    return np.log(np.linalg.norm(gradient, axis=1) / np.linalg.norm(last, axis=1)).mean()


@functools.cache
def _stream_rows(width=32, factor=1.0):
    # -(5/4)(L-1)/n; (ln 2)/2 a block; 1/2 in all, as far as blocks between the streams go.
    lines = {
        "plain": lambda depth: -1.25 * (depth - 1) / width,
        "residual": lambda depth: math.log(2) / 2 * (depth - 1),
        "scaled": lambda depth: (depth - 1) / depth / 2,
    }
    return [
        rows_of(
            *("MLP", "none", arm, depth, seed),
            reading="init",
            stream_log_ratio_predicted=line(depth) * factor,
            stream_log_ratio_redrawn=_simulated(arm, depth, width, seed),
        )
        for arm, line in lines.items()
        for depth in (8, 16, 32)
        for seed in range(5)
    ]


def test_hanin_and_nicas_line_and_those_of_the_skips_hold_in_simulated_networks():
    found = _of("L3", _stream_rows())
    assert [check.answer for check in found.checks] == ["yes"] * 3
    plain = found.curves[0]
    assert plain.x == pytest.approx([7 / 32, 15 / 32, 31 / 32])
    assert plain.predicted == pytest.approx([-1.25 * x for x in plain.x])
    # Counted exactly, a block of 32 units takes 1.0565 times what the line says.
    assert plain.value[-1] == pytest.approx(1.0565 * plain.predicted[-1], abs=0.1)
    assert "predicted 0.298" in found.sentence


def test_lines_that_are_half_as_steep_fail():
    assert _of("L3", _stream_rows(factor=0.5)).verdict == "fails"


def test_one_depth_with_two_predictions_is_refused():
    rows = list(_stream_rows())
    rows[1] = rows[1] | {"stream_log_ratio_predicted": -9.0}
    with pytest.raises(ValueError, match="`stream_log_ratio_predicted` .* family of their own"):
        _of("L3", rows)


def _direction_rows(rng, signs):
    rows = []
    for arm in ("plain", "residual"):
        for depth in DEPTHS:
            for seed in range(5):
                shares = {}
                for kind, sign in signs.items():
                    for k in range(1, 5):
                        size = 0.1 + 0.02 * k + 0.005 * rng.normal()
                        shares[f"{kind}_1e-{k}"] = size * (1 + sign * 0.8 * (arm == "plain"))
                where = "MLP", "layer", arm, depth, seed
                row = {"reading": "matched", "eigenvalue_share": 1e-3, "limit_share": 0.01}
                rows.append(rows_of(*where, **row, **shares))
    return rows


def test_directions_are_told_apart_by_the_kind_of_threshold():
    signs = {"flat_rel": 1, "flat_abs": -0.6, "negative_rel": -0.6, "negative_abs": 1}
    found = _of("L4", _direction_rows(generator(0), signs), design("layer"))
    assert found.verdict == "holds"
    assert "flat, relative threshold: fewer from 1e-4 to 1e-1" in found.sentence
    assert "downward, relative threshold: more from 1e-4 to 1e-1" in found.sentence
    assert found.curves[0].x == (1e-4, 1e-3, 1e-2, 1e-1)
    opposite = {kind: -0.6 if sign > 0 else 1 for kind, sign in signs.items()}
    fails = _of("L4", _direction_rows(generator(0), opposite), design("layer"))
    assert fails.verdict == "fails"


def test_a_share_that_is_relative_to_a_held_eigenvalue_is_a_bound():
    rows = _direction_rows(generator(0), {"flat_rel": 1, "flat_abs": 1})
    for row in rows:
        row["limit_share"] = 0.8 if row["arm"] == "plain" else 0.01
    found = _of("L4", rows, design("layer"))
    bounds = {(c.panel.split(",")[1].strip(), c.arm): any(c.bound) for c in found.curves}
    assert bounds["relative threshold", "plain"] and not bounds["absolute threshold", "plain"]
    assert not bounds["relative threshold", "residual"]


def _stand_in_rows(rng, logs):
    rows = []
    for (norm, arm), log in logs.items():
        for depth in (4, 8, 16):
            for seed in range(5):
                value = 100 * depth * math.exp(log + 0.05 * rng.normal())
                row = {"reading": "matched", "lambda_max": value, "limit_share": 0.0}
                rows.append(rows_of("MLP", norm, arm, depth, seed, **row))
    return rows


def test_what_stands_in_for_the_skip_is_told_with_its_share():
    logs = {
        ("none", "plain"): 0.0,
        ("none", "residual"): -1.0,
        ("none", "scaled"): -2.0,
        ("none", "identity-biased"): -0.9,
        ("layer", "plain"): 0.3,
    }
    arms = ("plain", "residual", "scaled", "identity-biased")
    designs = design("none", arms), design("layer", ("plain",))
    found = _of("L5", _stand_in_rows(generator(0), logs), *designs)
    assert found.verdict == "holds"
    flatter = {(c.norm, c.arm): c.value[-1] for c in found.curves}
    for kind, log in list(logs.items())[1:]:
        assert math.log(flatter[kind]) == pytest.approx(-log, abs=0.1)
    assert "identity-biased ×2.4" in found.sentence and "of the skip's logarithm" in found.sentence
    worse = logs | {("none", "identity-biased"): 0.5, ("none", "scaled"): -0.5}
    assert _of("L5", _stand_in_rows(generator(0), worse), *designs).verdict == "fails"


def test_text_as_in_results_csv_is_read_as_the_numbers_are(tmp_path):
    rows = power_rows(generator(0), STEEP, limit=3000.0) + _speed_rows(generator(1), held=250)
    table.write_csv(tmp_path / "results.csv", rows)
    text = list(csv.DictReader(io.StringIO((tmp_path / "results.csv").read_text())))
    designs = [design(), design("layer")]
    assert laws.plain(laws.measured(text, designs), "") == laws.plain(
        laws.measured(rows, designs), ""
    )


def test_one_network_twice_and_what_is_no_number_are_refused():
    rows = power_rows(generator(0), STEEP)
    with pytest.raises(
        ValueError, match="`rows` hold MLP, none, plain, matched, depth 4, seed 0 twice"
    ):
        _of("L1", [*rows, rows[0]])
    with pytest.raises(ValueError, match="`lambda_max` of a row is 'much', which is no number"):
        _of("L1", [rows[0] | {"lambda_max": "much"}, *rows[1:]])
    # The same seed on another split of the data is another pair.
    split = [row | {"split": k} for k in (0, 1) for row in rows]
    assert _of("L1", split).curves[0].exponent.num_pairs == 10


def test_laws_are_written_as_json_without_numbers_that_it_lacks():
    rows = power_rows(generator(0), STEEP, limit=3000.0)
    found = laws.plain(laws.measured(rows, [design()]), "python -m study --only=C1")
    text = json.dumps(found, allow_nan=False)
    first = json.loads(text)[0]
    assert [one["law"] for one in found] == ["L1", "L2", "L3", "L4", "L5"]
    assert first["command"] == "python -m study" and first["curves"][0]["upper"][-1] is None
    assert first["curves"][0]["exponent"]["side"] == 1


def test_a_curve_without_one_of_its_numbers_is_refused():
    with pytest.raises(ValueError, match="`x` and what belongs to it must have one length"):
        laws.Curve("a", "plain", "MLP", "none", (1.0, 2.0), (1.0,), (1.0,), (1.0,), (False,))
