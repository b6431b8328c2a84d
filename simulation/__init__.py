"""The virtual city: a synthetic concrete industry with known truth, written as the files real plants would send.

Belongs here: what the city is like (geography, plants, permits, demand, orders, tickets), what its
systems write, the dirt in it, and the truth about both. Does not belong here: reading or checking
feeds. It may import `store` and the contracts in `pipelines.feeds`, nothing else of the product.
"""
