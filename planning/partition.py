"""Sample months gathered into clusters whose means bound the expected recourse from below (Jensen).

Belongs here: the partition and its refinement. Does not belong here: the models that use it.

The recourse Q(C, d) is convex in d, so for any partition Σ_k π_k Q(C, mean of cluster k) <= E[Q(C, d)], and a finer
partition never lowers the left side. Refinement cuts the cluster with the largest difference across the direction in
which its members' marginal costs differ: where they agree, Q is linear and nothing is lost. The same holds of
CVaR: it is monotone, and no less than the CVaR of means within clusters. Its dear months then count for more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planning.allocation import Evaluation
from planning.instance import Instance
from planning.model import Floats, Indices
from planning.risk import sample_weights


@dataclass(frozen=True)
class Partition:
    """`label` (samples,) numbers the cluster of each sample month, 0 … clusters - 1."""

    label: Indices

    @classmethod
    def coarsest(cls, instance: Instance) -> Partition:
        """One cluster per price of unserved volume: within a cluster all months have the same recourse function."""
        return cls(np.unique(instance.unserved_price, return_inverse=True)[1].astype(np.int64))

    @property
    def clusters(self) -> int:
        return int(self.label.max()) + 1

    def weights(self) -> Floats:
        """π_k, shape (clusters,)."""
        return np.bincount(self.label) / len(self.label)

    def means(self, figures: Floats) -> Floats:
        """Mean per cluster of figures by sample month, shape (clusters, …)."""
        return np.array([figures[self.label == k].mean(axis=0) for k in range(self.clusters)])


def refine(
    partition: Partition,
    clusters: int,
    instance: Instance,
    evaluation: Evaluation,
    cost_of: Callable[[Floats, float], float],
) -> Partition:
    """Split clusters until there are `clusters` of them, or nothing is left to gain.

    `evaluation` is that of some capacity; `cost_of(demand, price of unserved)` is the recourse cost under the same one.
    """
    demand_m3 = instance.demand_m3
    label = partition.label.copy()
    weight = sample_weights(instance.policy, evaluation.monthly_cny)
    feature = weight[:, None] * evaluation.point_price * demand_m3.mean(axis=0)

    def loss(k: int) -> float:
        members = label == k
        if members.sum() < 2:
            return 0.0
        mean_cny = float((weight * evaluation.monthly_cny)[members].mean())
        price = float(instance.unserved_price[members][0])
        at_mean_cny = float(weight[members].mean()) * cost_of(demand_m3[members].mean(axis=0), price)
        return (mean_cny - at_mean_cny) * float(members.mean())

    losses = [loss(k) for k in range(partition.clusters)]
    total = max(float(evaluation.monthly_cny.mean()), 1.0)
    while len(losses) < clusters:
        widest = int(np.argmax(losses))
        if losses[widest] <= 1e-9 * total:
            break
        members = np.flatnonzero(label == widest)
        cut_off = members[_farther_half(feature[members], demand_m3[members])]
        label[cut_off] = len(losses)
        losses[widest] = loss(widest)
        losses.append(loss(len(losses)))
    return Partition(label)


def _farther_half(feature: Floats, demand_m3: Floats) -> Indices:
    """Positions of one side of the best cut along the principal axis of `feature` (members, points)."""
    centred = feature - feature.mean(axis=0)
    if not np.abs(centred).max() > 0:  # equal prices: rounding alone made a loss
        centred = demand_m3 - demand_m3.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    place = centred @ axis
    order = np.argsort(place, kind="stable")
    running = np.cumsum(place[order])
    left = np.arange(1, len(order))
    gain = running[:-1] ** 2 / left + (running[-1] - running[:-1]) ** 2 / (len(order) - left)
    return np.asarray(order[int(np.argmax(gain)) + 1 :])
