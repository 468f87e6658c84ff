"""The one exception whose message is meant for the user."""


class UserError(Exception):
    """A mistake of the user: one line that says what was given, what is accepted and what to do.

    The command line prints the message without a traceback and exits with 1.
    """
