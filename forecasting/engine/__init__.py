"""The forecasting engine: means and honest quantiles for any `Panel`, by one path, whatever the series are.

Belongs here: the working scale, seasons, the pool of models, their ensemble, calibration. Does not belong here:
where series come from (`forecasting.long_table`, the city), and what a city's permits mean.
"""
