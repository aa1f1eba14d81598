"""Every instrument of the spectrum experiment, against the dense matrix of one small problem."""

import jax
import numpy as np
import pytest

import lsgeo
from configs.spectrum import get_config
from experiments import spectrum
from experiments.spectrum import INSTRUMENTS, _point
from tests.experiments.test_spectrum import dense_eigenvalues


def configuration():
    config = get_config()
    config.problem, config.instruments = "tests.problems:plain", tuple(INSTRUMENTS)
    config.num_probes, config.num_steps, config.tol = 3, 12, 1e-5
    return config


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return spectrum.run(configuration(), tmp_path_factory.mktemp("spectrum") / "run")


def test_certificate_encloses_the_lowest_eigenvalue_and_counts_the_negative_ones(measured):
    exact, found = dense_eigenvalues("plain"), measured.load("problem_certificate")
    assert found["lower_bound"] - 1e-5 <= exact[0] <= found["value"] + 1e-5
    negative = np.sum(exact < -found["index_threshold"])
    assert found["index_lower"] <= negative <= found["index_upper"]


def test_chebyshev_moments_agree_with_those_of_lanczos(measured):
    assert measured.load("problem_chebyshev")["largest_gap"] < 1e-4


def test_frobenius_norm_is_that_of_the_dense_matrix(measured):
    exact, found = dense_eigenvalues("plain"), measured.load("problem_norms")
    np.testing.assert_allclose(found["frobenius_norm"], np.sqrt(np.sum(exact**2)), rtol=1e-4)
    assert 0 < found["block_share"] < 1


def test_masses_of_an_eigenvector_add_up_to_one_over_the_leaves(measured):
    found = measured.load("problem_alignment")
    total = sum(mass for name, mass in found.items() if name.startswith("mass_"))
    np.testing.assert_allclose(total, np.ones(7), rtol=1e-5)
    assert 0 <= found["overlap"] <= 1
    np.testing.assert_allclose(np.linalg.norm(found["vectors"], axis=1), 1, rtol=1e-5)


def test_every_leaf_has_the_spectrum_of_its_own_block(measured):
    found = measured.load("problem_layers")
    assert {name.split(":")[0] for name in found if ":" in name} == {"hidden", "out"}
    # The output layer's block is that of a linear regression: 2 / N times its inputs' second moments.
    from tests.problems import plain

    loss, params, batch = plain()
    block = jax.hessian(lambda out: loss({**params, "out": out}, batch))(params["out"])
    largest = np.linalg.eigvalsh(np.asarray(block, np.float64))[-1]
    np.testing.assert_allclose(found["out:nodes"].max(), largest, rtol=1e-4)


def test_nothing_is_measured_twice(measured, monkeypatch):
    monkeypatch.setattr(lsgeo, "spectral_density", None)
    files = sorted((measured.path / "arrays").iterdir())
    before = [file.stat().st_mtime_ns for file in files]
    spectrum.run(configuration(), measured.path)
    assert [file.stat().st_mtime_ns for file in files] == before and len(files) == 7


def test_a_new_instrument_before_the_others_changes_none_of_their_numbers(
    measured, tmp_path, monkeypatch
):
    more = {"first": lambda subject: {"text": ""}, **INSTRUMENTS}
    for module in (spectrum, _point):
        monkeypatch.setattr(module, "INSTRUMENTS", more)
    config = configuration()
    config.instruments = ("first", "norms", "certificate")
    found = spectrum.run(config, tmp_path / "run")
    for file, entry in (("norms", "frobenius_norm"), ("certificate", "index_value")):
        pair = [opened.load(f"problem_{file}")[entry] for opened in (measured, found)]
        assert pair[0] == pair[1]


@pytest.mark.parametrize(
    ("name", "text"),
    [("downhill", "Pass --config.reference=semicircle"), ("flat", "bulk that is one point, 0")],
)
def test_instrument_that_does_not_apply_says_so_and_the_others_run(name, text, tmp_path):
    config = configuration()
    config.problem, config.num_probes = f"tests.problems:{name}", 2
    config.instruments = ("bulk", "certificate")
    found = spectrum.run(config, tmp_path / "run")
    told = found.load("problem_bulk")
    assert told["applies"] is False and text in told["text"]
    assert "bulk: not defined here" in (tmp_path / "run/figures/density.svg").read_text()
    assert found.load("problem_certificate")["text"].startswith("lambda_min")
    before = (tmp_path / "run/arrays/problem_bulk.npz").stat().st_mtime_ns
    spectrum.run(config, tmp_path / "run")  # that it does not apply is a result, too
    assert (tmp_path / "run/arrays/problem_bulk.npz").stat().st_mtime_ns == before
    if name == "downhill":
        config.reference = "semicircle"
        assert "applies" not in spectrum.run(config, tmp_path / "other").load("problem_bulk")


def test_error_of_an_instrument_is_no_result(tmp_path, monkeypatch):
    def broken(subject):
        raise ValueError("`x` is wrong")

    monkeypatch.setattr(_point, "INSTRUMENTS", {**INSTRUMENTS, "bulk": broken})
    config = configuration()
    config.instruments = ("bulk",)
    with pytest.raises(ValueError, match="`x` is wrong"):
        spectrum.run(config, tmp_path / "run")
    assert not (tmp_path / "run/arrays/problem_bulk.npz").exists()
