"""The exception for mistakes of the user."""


class UserError(ValueError):
    """A mistake of the user: one line that says what was given, what is accepted and what to do.

    Command lines print it and exit with code 1.
    """
