"""The shipped example: a fictional chain of 1,600 stores, its data, its traffic and its clients.

Everything here is invented: "Harbor & Pine" does not exist, nor do its customers, prices or
promises. `data` makes the database, `traffic` the requests of a day, `drive` sends them to a
running gateway, `delivery` is the small HTTP service that the bundle names as a source.
"""

from freehold.testing.retail.database import open_readonly, regions

__all__ = ["open_readonly", "regions"]
