"""Coupled series: the process is the one that is stated, and so are its least errors."""

from functools import cache

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov, solve_toeplitz

from lengthwise.errors import InputError
from lengthwise.tasks import LabelledSets, load
from lengthwise.tasks.sets.coupled_series import CoupledSeries, _start

A, B = 1.6 * np.cos(2 * np.pi / 16), 0.64
"""Coefficients of the docstring."""
ANGLES = np.linspace(-np.pi, np.pi, 20_000, endpoint=False)
RESPONSE = 1 - A * np.exp(-1j * ANGLES) + B * np.exp(-2j * ANGLES)
DRIVE = 0.9 * np.abs(RESPONSE).min()


@cache
def spectrum(series: int) -> np.ndarray:
    """The spectrum of a series for noise of variance 1: the mean over the modes of the ring, by its definition."""
    modes = np.exp(-2j * np.pi * np.arange(series) / series)[:, None]
    return (1 / np.abs(RESPONSE - DRIVE * modes * np.exp(-24j * ANGLES)) ** 2).mean(0)


def ring(series: int, batch: int, **options: float) -> np.ndarray:
    drawn = CoupledSeries(**options).ring(torch.Generator().manual_seed(0), batch, series)
    return drawn.double().numpy()


def test_what_the_equation_leaves_is_white_noise() -> None:
    x = ring(5, 400)
    left = x[..., 24:] - A * x[..., 23:-1] + B * x[..., 22:-2] - DRIVE * np.roll(x, 1, axis=1)[..., :-24]
    variance = 1 / spectrum(8).mean()
    assert left.var() == pytest.approx(variance, rel=4 * (2 / left.size) ** 0.5)
    for lag in (1, 2, 16, 24):
        correlation = (left[..., lag:] * left[..., :-lag]).mean() / variance
        assert abs(correlation) < 4 / left[..., lag:].size ** 0.5
    for other in (1, 2):
        assert abs((left * np.roll(left, other, axis=1)).mean() / variance) < 4 / left.size**0.5


@pytest.mark.parametrize("series", [2, 3, 4])
def test_the_first_block_is_drawn_from_the_equilibrium(series: int) -> None:
    """Its covariance, within series and between them, is the one that the recurrence, step by step, leaves as it is."""
    size = series * 24
    steps = np.zeros((48, series, 2 * size))  # what each step has of the block before and of the noise
    steps[:24, :, :size] = np.eye(size).reshape(series, 24, size).transpose(1, 0, 2)
    for now in range(24, 48):
        steps[now] = A * steps[now - 1] - B * steps[now - 2] + DRIVE * np.roll(steps[now - 24], 1, axis=0)
        steps[now, range(series), size + (now - 24) * series + np.arange(series)] = 1 / spectrum(200).mean() ** 0.5
    before, noise = np.split(steps[24:].transpose(1, 0, 2).reshape(size, 2 * size), 2, axis=1)
    equilibrium = solve_discrete_lyapunov(before, noise @ noise.T)
    impulses = torch.eye(size).view(size, series, 24)
    modes = torch.fft.rfft(impulses, dim=1).transpose(0, 1) @ _start(0.9, series)
    drawn = torch.fft.irfft(modes.transpose(0, 1), n=series, dim=1).reshape(size, size).double().numpy()
    assert np.abs(drawn.T @ drawn - equilibrium).max() < 24 * torch.finfo(torch.float32).eps


@pytest.mark.parametrize("series", [2, 3, 8, 16])
def test_series_are_in_equilibrium_with_variance_1(series: int) -> None:
    assert spectrum(series).mean() == pytest.approx(spectrum(64).mean(), rel=0.01)
    x = ring(series, 16_000 // series)
    per_example = x.reshape(len(x), series, 120)
    for part in (per_example[..., :40], per_example[..., -40:]):
        of_each = (part**2).mean((1, 2))
        assert of_each.mean() == pytest.approx(1, abs=0.01 + 4 * of_each.std() / len(of_each) ** 0.5)


def test_the_least_errors_are_those_that_the_docstring_states() -> None:
    density = spectrum(64)
    variance = density.mean()
    covariances = np.array([(density * np.cos(lag * ANGLES)).mean() for lag in range(120)]) / variance
    own = [
        1 - (past := covariances[ahead : ahead + 96]) @ solve_toeplitz(covariances[:96], past) for ahead in range(1, 25)
    ]
    assert np.mean(own) == pytest.approx(0.82, abs=0.005)
    answer = [1.0, A]  # to an impulse, of one series
    for _ in range(22):
        answer.append(A * answer[-1] - B * answer[-2])
    assert np.cumsum(np.square(answer)).mean() / variance == pytest.approx(0.29, abs=0.005)


def test_series_stand_in_any_order() -> None:
    """Without the order of the ring, no place among the inputs tells which series drives another."""
    task = CoupledSeries()
    batch = task.sample(torch.Generator().manual_seed(1), 600, 4)
    x = torch.cat(batch, dim=2)
    following = (x[:, :, None, 24:] * x[:, None, :, :-24]).mean(-1)
    driver = following.masked_fill(torch.eye(4, dtype=torch.bool), -torch.inf).argmax(2)
    for place in range(4):
        others = driver[:, place].bincount(minlength=4)
        assert others[place] == 0
        assert others.max() < 600 / 3 + 4 * (600 * 2 / 9) ** 0.5


def test_without_coupling_series_are_independent() -> None:
    x = ring(4, 2_000, coupling=0.0)
    assert (x**2).mean() == pytest.approx(1, abs=0.05)
    product = (x[..., 24:] * np.roll(x, 1, axis=1)[..., :-24]).mean((1, 2))
    assert abs(product.mean()) < 4 * product.std() / len(product) ** 0.5
    coupled = ring(4, 2_000)
    assert (coupled[..., 24:] * np.roll(coupled, 1, axis=1)[..., :-24]).mean() > 0.5


def test_shapes_and_bad_input() -> None:
    task = load("coupled-series")
    batch = task.sample(torch.Generator().manual_seed(0), 3, 5, "validation")
    assert isinstance(batch, LabelledSets)
    assert batch.items.shape == (3, 5, 96)
    assert batch.targets.shape == (3, 5, 24)
    assert batch.scored.shape == (3, 120)
    with pytest.raises(InputError, match="2, 3, 4 or more variates"):
        task.check_length(1)
    with pytest.raises(InputError, match="coupling"):
        load("coupled-series[coupling=1]")
