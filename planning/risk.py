"""The measure of the monthly recourse that a plan minimises: its mean, and its tail where a weight is put on it.

Belongs here: CVaR of samples, what it weighs each sample by, the yearly recourse. Does not belong here: the same in the
master (equations.py).
"""

from __future__ import annotations

import numpy as np

from planning.instance import MONTHS_PER_YEAR, Policy
from planning.model import Floats


def cvar_cny(monthly_cny: Floats, level: float) -> float:
    """CVaR_α = min_η η + E[(Q - η)^+] / (1 - α): the mean of the dearest share 1 - α of samples (samples,)."""
    return float(tail_weights(monthly_cny, level) @ monthly_cny) / len(monthly_cny)


def tail_weights(monthly_cny: Floats, level: float) -> Floats:
    """The weights (samples,), of mean 1, under which the mean is CVaR: 1 / (1 - α) for the dearest, one in part."""
    samples = len(monthly_cny)
    order = np.argsort(-monthly_cny, kind="stable")
    left = np.clip((1 - level) * samples - np.arange(samples), 0.0, 1.0)
    weights = np.zeros(samples)
    weights[order] = left
    return np.asarray(weights * samples / left.sum())


def sample_weights(policy: Policy, monthly_cny: Floats) -> Floats:
    """1 + λ times the tail's weights (samples,): what the objective counts each sample month for."""
    if not policy.risk_weight:
        return np.ones(len(monthly_cny))
    return 1 + policy.risk_weight * tail_weights(monthly_cny, policy.risk_level)


def recourse_cny(policy: Policy, monthly_cny: Floats) -> float:
    """12 (E_n[Q_n] + λ CVaR_α(Q)), CNY per year."""
    mean = float(monthly_cny.mean())
    return MONTHS_PER_YEAR * (mean + risk_cny(policy, monthly_cny))


def risk_cny(policy: Policy, monthly_cny: Floats) -> float:
    """λ CVaR_α(Q), CNY per month; 0 without a weight."""
    return policy.risk_weight * cvar_cny(monthly_cny, policy.risk_level) if policy.risk_weight else 0.0
