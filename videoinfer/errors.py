"""What the command line says when it cannot go on."""


class CommandError(Exception):
    """An expected failure: the message is for the person at the command line and names the remedy."""
