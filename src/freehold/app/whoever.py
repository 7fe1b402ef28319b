"""Who acts, where no identity token says it."""

import getpass


def at_terminal() -> str:
    """Who gives a command, as the ledger is to say: ``terminal:ann``, or ``terminal`` where the
    system has no name for them.
    """
    try:
        return f"terminal:{getpass.getuser()}"
    except (OSError, KeyError, ImportError):  # before Python 3.13 the latter two
        return "terminal"
