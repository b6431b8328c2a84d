"""The benchmarks of forecasts: their scores by hand, no look ahead, and a sentence where the data is absent."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from bench import forecast_scores as scores
from bench import forecasts, permit_lead


def test_scores_are_what_a_hand_makes_them() -> None:
    train = np.array([[np.nan, 1.0, 3.0, 2.0, 6.0]])
    actual, mean = np.array([[10.0, 20.0]]), np.array([[12.0, 17.0]])
    assert scores.naive_scale(train, 1) == pytest.approx([7 / 3])
    assert scores.mase(actual, mean, scores.naive_scale(train, 1)) == pytest.approx(2.5 / (7 / 3))
    assert scores.smape(actual, mean) == pytest.approx((200 * 2 / 22 + 200 * 3 / 37) / 2)
    assert scores.bias(actual, mean) == pytest.approx(-1 / 30)
    quantiles = np.linspace(-3, 3, 7)[:, None, None] + np.array([[10.0, 24.5]])
    assert scores.coverage(actual, quantiles, "q10", "q90") == 0.5
    assert scores.scaled_crps(actual, np.repeat(mean[None], 7, axis=0)) == pytest.approx(5 / 30)


def test_a_pipeline_knows_no_permit_granted_after_its_origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permit_lead, "LAST_ORIGIN", "2002-01")
    months = np.arange("1990-01", "2003-07", dtype="datetime64[M]")
    random = np.random.default_rng(5)
    permits, built = (1000 + 50 * random.normal(0, 1, len(months)).cumsum() for _ in range(2))
    _write(tmp_path, months, permits, built)
    honest = permit_lead.origins(tmp_path)
    later = months > np.datetime64("2001-01")
    _write(tmp_path, months, np.where(later, 7.0, permits), np.where(later, 9.0, built))
    scrambled = permit_lead.origins(tmp_path)
    for name in permit_lead.PAIRS:
        first, other = honest[name][0].panel, scrambled[name][0].panel
        assert first.offset is not None and other.offset is not None
        assert np.array_equal(first.offset, other.offset) and np.array_equal(first.y, other.y)
        assert first.offset.shape[1] == first.y.shape[1] + permit_lead.HORIZON_MONTHS
        earlier, other_earlier = (origins[name][1].panel.before(6) for origins in (honest, scrambled))
        assert earlier.offset is not None and other_earlier.offset is not None
        assert np.array_equal(earlier.offset, first.offset) and np.array_equal(earlier.offset, other_earlier.offset)
        assert not np.array_equal(honest[name][1].panel.offset, scrambled[name][1].panel.offset)


def test_absent_data_is_said_in_a_sentence(tmp_path: Path) -> None:
    for name in forecasts.BENCHMARKS:
        assert "make bench DATA=DIR" in "".join(forecasts.report(name, None, tmp_path))
        assert "is absent" in "".join(forecasts.report(name, tmp_path, tmp_path))


def _write(folder: Path, months: np.ndarray, permits: np.ndarray, built: np.ndarray) -> None:
    (folder / "fred-md").mkdir(exist_ok=True)
    with (folder / "fred-md" / "COMPUTSA_long.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [("DATE", "COMPUTSA"), *((f"{month}-01", y) for month, y in zip(months, built, strict=True))]
        )
    with (folder / "fred-md" / "regional_permits_starts.csv").open("w", newline="") as file:
        names = ["PERMIT", *(f"{kind}{region}" for region in permit_lead.REGIONS for kind in ("PERMIT", "HOUST"))]
        writer = csv.writer(file)
        writer.writerow(("month", *names))
        for row, month in enumerate(months):
            writer.writerow((month, *((built if name.startswith("HOUST") else permits)[row] for name in names)))
