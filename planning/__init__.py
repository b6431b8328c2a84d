"""Plans: who serves whom, and which plants to keep, merge, close, expand or open, with a proven bound.

Belongs here: the frozen instance, the optimisation models, their exact evaluation, the outlook of
forecast against capacity, the reasons, the tables of schema `plan`. Does not belong here: forecasting
(the planner reads its tables), marts (dbt makes them), pages.
"""
