"""A small sparse builder of linear models: named blocks of columns and rows, solved by HiGHS.

Belongs here: turning blocks of numpy arrays into one HiGHS model, solving it, changing its bounds and
solving again. Does not belong here: any equation of a plan (consolidation.py, allocation.py).

Every solve is single-threaded with a fixed seed: equal models give equal answers on equal machines.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Term = tuple[Indices, Indices, Floats | float]

INFINITY = float("inf")
LEAST_S = 0.05  # given to a solve whose time has come already


@dataclass(frozen=True)
class Limits:
    """When a mixed-integer solve stops: `gap` and `nodes` decide; `seconds` is only a safety net."""

    gap: float = 1e-4
    nodes: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Solution:
    """What a solve returned. `bound` is proven: no feasible point costs less.

    status: optimal | limit (stopped with a feasible point) | unsolved (stopped without one) | infeasible.
    """

    status: str
    objective: float
    bound: float
    columns: Floats
    row_duals: Floats
    reduced_costs: Floats


@dataclass
class Model:
    """Columns and rows under construction; `solver()` freezes them into HiGHS."""

    lower: list[Floats] = field(default_factory=list)
    upper: list[Floats] = field(default_factory=list)
    cost: list[Floats] = field(default_factory=list)
    integer: list[Bools] = field(default_factory=list)
    row_lower: list[Floats] = field(default_factory=list)
    row_upper: list[Floats] = field(default_factory=list)
    entries: list[tuple[Indices, Indices, Floats]] = field(default_factory=list)
    blocks: dict[str, Indices] = field(default_factory=dict)

    def add_columns(
        self,
        name: str,
        shape: int | tuple[int, ...],
        *,
        lower: Floats | float = 0.0,
        upper: Floats | float = INFINITY,
        cost: Floats | float = 0.0,
        integer: bool = False,
    ) -> Indices:
        """Add a block of columns; returns their indices in `shape`. Bounds and costs broadcast to it."""
        indices = self._block(name, shape, sum(len(part) for part in self.lower))
        for part, value in ((self.lower, lower), (self.upper, upper), (self.cost, cost)):
            part.append(np.broadcast_to(np.asarray(value, float), indices.shape).ravel())
        self.integer.append(np.full(indices.size, integer))
        return indices

    def add_rows(
        self,
        name: str,
        shape: int | tuple[int, ...],
        terms: list[Term],
        *,
        lower: Floats | float = -INFINITY,
        upper: Floats | float = INFINITY,
    ) -> Indices:
        """Add a block of rows `lower <= sum of terms <= upper`; returns their indices in `shape`.

        A term is (row positions within the block, column indices, coefficients), broadcast together;
        entries that fall on the same place add up.
        """
        indices = self._block(name, shape, sum(len(part) for part in self.row_lower))
        flat = indices.ravel()
        for rows, columns, coefficients in terms:
            rows_, columns_, values = np.broadcast_arrays(rows, columns, np.asarray(coefficients, float))
            self.entries.append((flat[rows_.ravel()], columns_.ravel(), values.ravel()))
        self.row_lower.append(np.broadcast_to(np.asarray(lower, float), indices.shape).ravel())
        self.row_upper.append(np.broadcast_to(np.asarray(upper, float), indices.shape).ravel())
        return indices

    def _block(self, name: str, shape: int | tuple[int, ...], start: int) -> Indices:
        if name in self.blocks:
            raise ValueError(f"block {name} is there twice")
        size = int(np.prod(shape))
        self.blocks[name] = np.arange(start, start + size, dtype=np.int64).reshape(shape)
        return self.blocks[name]

    def solver(self) -> Solver:
        return Solver(self)


class Solver:
    """A HiGHS instance holding one model. Bounds may change between runs; a linear model then starts warm."""

    def __init__(self, model: Model) -> None:
        import highspy
        from scipy.sparse import csr_matrix

        self.integer = np.concatenate(model.integer)
        self._lower, self._upper = np.concatenate(model.lower), np.concatenate(model.upper)
        rows, columns, values = (np.concatenate(part) for part in zip(*model.entries, strict=True))
        shape = (sum(len(part) for part in model.row_lower), len(self.integer))
        matrix = csr_matrix((values, (rows, columns)), shape=shape)
        lp = highspy.HighsLp()
        lp.num_row_, lp.num_col_ = shape
        lp.col_cost_ = np.concatenate(model.cost)
        lp.col_lower_, lp.col_upper_ = self._lower, self._upper
        lp.row_lower_ = np.concatenate(model.row_lower)
        lp.row_upper_ = np.concatenate(model.row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
        kinds = highspy.HighsVarType
        if self.integer.any():
            lp.integrality_ = [kinds.kInteger if is_integer else kinds.kContinuous for is_integer in self.integer]
        self._is_relaxed = not self.integer.any()
        self._highspy = highspy
        self._highs = highspy.Highs()
        for option, value in (("output_flag", False), ("threads", 1), ("random_seed", 20260101)):
            self._highs.setOptionValue(option, value)
        self._highs.passModel(lp)

    def add_rows(self, rows: int, term: Term, upper: Floats | float) -> None:
        """Add `rows` constraints `term <= upper` (cutting planes)."""
        from scipy.sparse import csr_matrix

        row, column, value = np.broadcast_arrays(*term)
        matrix = csr_matrix((value, (row, column)), shape=(rows, len(self.integer)))
        bound = np.ascontiguousarray(np.broadcast_to(np.asarray(upper, float), (rows,)))
        self._highs.addRows(
            rows,
            np.full(rows, -INFINITY),
            bound,
            matrix.nnz,
            matrix.indptr[:-1].astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data,
        )

    def add_columns(self, cost: Floats, term: Term, *, upper: float = INFINITY, integer: bool = False) -> Indices:
        """Add one column per cost, non-negative, with the entries `term` (rows, columns from 0, values)."""
        from scipy.sparse import csc_matrix

        row, column, value = np.broadcast_arrays(*term)
        count, first = len(cost), len(self.integer)
        matrix = csc_matrix((value, (row, column)), shape=(self._highs.getNumRow(), count))
        self._highs.addCols(
            count,
            np.asarray(cost, float),
            np.zeros(count),
            np.full(count, upper),
            matrix.nnz,
            matrix.indptr[:-1].astype(np.int32),
            matrix.indices.astype(np.int32),
            matrix.data,
        )
        self.integer = np.concatenate([self.integer, np.full(count, integer)])
        return np.arange(first, first + count)

    def set_columns(self, columns: Indices, lower: Floats | float, upper: Floats | float) -> None:
        count = columns.size
        self._highs.changeColsBounds(
            count,
            columns.ravel().astype(np.int32),
            np.ascontiguousarray(np.broadcast_to(np.asarray(lower, float), (count,))),
            np.ascontiguousarray(np.broadcast_to(np.asarray(upper, float), (count,))),
        )

    def free_columns(self, columns: Indices) -> None:
        """Give columns of the model back the bounds that it was built with."""
        self.set_columns(columns, self._lower[columns], self._upper[columns])

    def set_costs(self, columns: Indices, cost: Floats | float) -> None:
        costs = np.ascontiguousarray(np.broadcast_to(np.asarray(cost, float), (columns.size,)))
        self._highs.changeColsCost(columns.size, columns.ravel().astype(np.int32), costs)

    def set_row(self, row: int, lower: float, upper: float) -> None:
        self._highs.changeRowBounds(row, lower, upper)

    def set_integrality(self, is_integer: bool) -> None:
        """Relax the integer columns, or make them integer again."""
        kinds = self._highspy.HighsVarType
        columns = np.flatnonzero(self.integer).astype(np.int32)
        kind = kinds.kInteger if is_integer else kinds.kContinuous
        self._highs.changeColsIntegrality(len(columns), columns, np.array([kind] * len(columns)))
        self._is_relaxed = not (is_integer and self.integer.any())

    def start_from(self, columns: Indices, values: Floats) -> None:
        """Offer values for some columns as the first feasible point of a mixed-integer solve."""
        self._highs.setSolution(columns.size, columns.ravel().astype(np.int32), values.ravel())

    def run(self) -> str:
        """Solve; returns the status of `Solution`. For many small solves: read only what is needed after it."""
        self._highs.run()
        statuses = self._highspy.HighsModelStatus
        status = self._highs.getModelStatus()
        if status == statuses.kOptimal:
            return "optimal"
        if status in (statuses.kInfeasible, statuses.kUnboundedOrInfeasible):
            return "infeasible"
        return "limit" if self._highs.getInfo().primal_solution_status == 2 else "unsolved"

    def limit(self, deadline: float) -> None:
        """Let the next `run` of a linear model end by `deadline` (time.monotonic); infinity lifts the limit."""
        left = deadline - time.monotonic()
        limit = self._highs.getRunTime() + max(left, LEAST_S) if left < INFINITY else INFINITY
        self._highs.setOptionValue("time_limit", limit)

    def objective(self) -> float:
        return float(self._highs.getInfo().objective_function_value)

    def columns(self) -> Floats:
        return np.asarray(self._highs.getSolution().col_value, float)

    def row_duals(self) -> Floats:
        return np.asarray(self._highs.getSolution().row_dual, float)

    def solve(self, limits: Limits | None = None) -> Solution:
        """Solve within `limits`; never raises on a limit: the best point found comes back with its bound."""
        limits = limits or Limits()
        self._highs.setOptionValue("mip_rel_gap", limits.gap)
        self._highs.setOptionValue("mip_max_nodes", limits.nodes if limits.nodes is not None else 2**31 - 1)
        seconds = INFINITY if limits.seconds is None else limits.seconds
        if self._is_relaxed:  # a linear solve counts from the first run, a mixed-integer one from its own start
            seconds += self._highs.getRunTime()
        self._highs.setOptionValue("time_limit", seconds)
        with _quiet_stdout():
            status = self.run()
        info = self._highs.getInfo()
        solution = self._highs.getSolution()
        return Solution(
            status,
            float(info.objective_function_value) if status in ("optimal", "limit") else INFINITY,
            float(info.objective_function_value if self._is_relaxed else info.mip_dual_bound),
            np.asarray(solution.col_value, float),
            np.asarray(solution.row_dual, float),
            np.asarray(solution.col_dual, float),
        )


def load_solver() -> None:
    """Import the solver now, so that the first solve's time is its own."""
    import highspy
    import scipy.sparse  # noqa: F401

    highspy.Highs()


@contextmanager
def _quiet_stdout() -> Iterator[None]:
    """HiGHS prints stray lines though told to be silent; standard output belongs to results."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
