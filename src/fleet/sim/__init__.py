"""A simulated GitHub on loopback, for the demo and the end-to-end tests; it needs the extra `demo`.

Real bare git repositories behind smart HTTP, and the REST routes and GraphQL fields that fleet uses. The rule:
it may be plain, but not wrong; what it does not know it refuses by name and lists in `Simulator.unknown`.

    server.py   HTTP, the log of requests       smart_http.py  clone, fetch, push
    api.py      dispatch                        faults.py      what goes wrong, on request
    rest*.py, shapes.py    REST                 gql.py, fields.py  GraphQL
    world.py    the rules that change things    rules.py       the questions GitHub answers
"""

from fleet.sim.model import ApiError
from fleet.sim.server import Simulator

__all__ = ["ApiError", "Simulator"]
